import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const command = ['python3', `${import.meta.dirname}/python_driver.py`];
let python: DriverHarness;
beforeAll(async () => {
  python = await DriverHarness.start(command);
});
afterAll(() => python[Symbol.dispose]());

/** A value as the driver shows it, its forms as text. */
const display = (forms: Readonly<Record<string, string>>, role = 'display') => ({
  ev: 'display',
  role,
  forms: Object.entries(forms).map(([type, data]) => ({ type, encoding: 'text', data })),
});
const plain = (data: string) => display({ 'text/plain': data });

describe('rich output', () => {
  test('a value is sent with every form that it has, after what was printed before', async () => {
    const code = `class Both:
    def __repr__(self): return "both"
    def _repr_html_(self): return "<b>é</b>"
    def _repr_png_(self): return b"\\x89PNG"
    def _repr_latex_(self): return None
print("x")
Both()`;
    const forms = [
      { type: 'text/html', encoding: 'text', data: '<b>é</b>' },
      { type: 'image/png', encoding: 'base64', data: 'iVBORw==' },
      { type: 'text/plain', encoding: 'text', data: 'both' },
    ];
    const events = [{ ev: 'display', role: 'result', forms }];
    expect(await python.query(code)).toEqual({ ...quiet, stdout: 'x\n', events });
  });

  test('metadata is left out, a bundle can be given, and a class is shown as text', async () => {
    await python.query(
      'class Html:\n    def __repr__(self): return "h"\n    def _repr_html_(self): return "<i>", {"meta": 1}',
    );
    expect((await python.query('Html()')).events).toEqual([
      display({ 'text/html': '<i>', 'text/plain': 'h' }, 'result'),
    ]);
    expect((await python.query('Html')).value).toBe("<class '__main__.Html'>");
    const bundled =
      'class B:\n    def _repr_mimebundle_(self, **k): return {"text/plain": "p", "a/b": [1, {}], "a/c": None}\nB()';
    expect((await python.query(bundled)).events).toEqual([display({ 'text/plain': 'p', 'a/b': '[1, {}]' }, 'result')]);
  });

  test('display is there, for any number of values', async () => {
    const told = await python.query('display(Html(), 5, "s"); display({"text/plain": "raw"}, {}, raw=True)');
    const events = [display({ 'text/html': '<i>', 'text/plain': 'h' }), plain('5'), plain("'s'"), plain('raw')];
    expect(told).toEqual({ ...quiet, events });
  });

  test.each([
    ['image/svg+xml', '"QUJD\\n"', 'text', 'QUJD\n'],
    ['image/png', '"QUJD\\n"', 'base64', 'QUJD'],
    ['application/pdf', 'b"ABC"', 'base64', 'QUJD'],
    ['text/html', '"é".encode()', 'text', 'é'],
    ['application/x-odd', 'b"\\xff"', 'base64', '/w=='],
  ])('%s of %s is sent as %s', async (type, code, encoding, data) => {
    const told = await python.query(`display({"${type}": ${code}, "text/plain": "p"}, raw=True)`);
    const forms = [
      { type, encoding, data },
      { type: 'text/plain', encoding: 'text', data: 'p' },
    ];
    expect(told).toEqual({ ...quiet, events: [{ ev: 'display', role: 'display', forms }] });
  });

  test('of a picture that is too large for a value only its size is sent', async () => {
    const told = await python.query(
      'class Big:\n    def __repr__(self): return "big"\n    def _repr_png_(self): return bytes(6_000_000)\nBig()',
    );
    const forms = [
      { type: 'image/png', encoding: 'base64', bytes: 6_000_000 },
      { type: 'text/plain', encoding: 'text', data: 'big' },
    ];
    expect(told).toEqual({ ...quiet, events: [{ ev: 'display', role: 'result', forms }] });
  });

  test('a text that is too long for a value is printed whole', async () => {
    expect((await python.query('"x" * 2_000_000')).stdout.length).toBe(2_000_003);
  });

  test('a value without a text has its other forms', async () => {
    const code =
      'class Mute:\n    def __repr__(self): raise RuntimeError("odd")\n    def _repr_html_(self): return "<i>"\nMute()';
    expect(await python.query(code)).toEqual({ ...quiet, events: [display({ 'text/html': '<i>' }, 'result')] });
  });

  test('an exception in a representation is the query’s', async () => {
    const told = await python.query('class Bad:\n    def __repr__(self): raise RuntimeError("odd")\nBad()');
    expect(told).toMatchObject({
      exitCode: 1,
      error: { traceback: expect.stringMatching(/line 2, in __repr__[\s\S]*RuntimeError: odd/) },
    });
  });

  test('a thread may print and display while and after the query runs', async () => {
    const code =
      'import threading\nt = threading.Thread(target=lambda: (print("in"), display(5), display({"text/html": "h"}, raw=True)))\nt.start(); t.join()';
    const events = [plain('5'), display({ 'text/html': 'h' })];
    expect(await python.query(code)).toEqual({ ...quiet, stdout: 'in\n', events });
  });
});
