import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DriverHarness, median, quiet } from '../../../test/support/driver-harness.ts';

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

describe('values and state', () => {
  test('state is kept and the last value is shown', async () => {
    expect(await python.query('import math\nx = 20\ndef twice(n):\n    return 2 * n')).toEqual(quiet);
    expect(await python.query('print("first")\ntwice(x) + 2')).toEqual({ ...quiet, stdout: 'first\n', value: '42' });
    expect(await python.query('_ + 1')).toEqual({ ...quiet, value: '43' });
  });

  test.each(['x = 1', 'None', '"hidden";', '', '# only a comment', '\n\n', 'if True:\n    5'])(
    '%j shows nothing',
    async (code) => {
      expect(await python.query(code)).toEqual(quiet);
    },
  );

  test('user code is __main__, with what it needs to pickle and to read its own source', async () => {
    await python.query('class Point:\n    def norm(self):\n        return 1\n');
    const told = await python.query(
      'import inspect, pickle, sys\n' +
        'print(__name__, sys.argv, sys.path[0] == "", "driver" in globals())\n' +
        'print(type(pickle.loads(pickle.dumps(Point()))) is Point)\nprint(inspect.getsource(Point.norm), end="")',
    );
    expect(told).toEqual({
      ...quiet,
      stdout: "__main__ [''] True False\nTrue\n    def norm(self):\n        return 1\n",
    });
  });

  test('await works at the top', async () => {
    const told = await python.query(
      'import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 9\nawait f()',
    );
    expect(told).toEqual({ ...quiet, value: '9' });
  });

  test('a future statement holds for later queries', async () => {
    await python.query('from __future__ import annotations');
    expect(await python.query('def f(a: nowhere): pass\nf.__annotations__')).toMatchObject({
      value: "{'a': 'nowhere'}",
    });
  });

  test('text of every kind passes unharmed', async () => {
    const text = 'é ☃ 🎉 \u0000 \u0001 "quoted" \\ end';
    expect((await python.query(`len(${JSON.stringify(text).replace('🎉', '\\U0001F389')})`)).value).toBe('24');
    expect((await python.query('"é☃🎉\\0\\ud800"')).value).toBe("'é☃🎉\\x00\\ud800'");
    expect((await python.query('print("é☃🎉")')).stdout).toBe('é☃🎉\n');
  });
});

describe('ends', () => {
  test('an exception has its traceback without the driver, and status 1', async () => {
    await python.query('def boom():\n    raise ValueError("no")');
    const told = await python.query('y = 7\nboom()');
    expect(told.exitCode).toBe(1);
    expect(told).toMatchObject({ stderr: '', error: { name: 'ValueError', message: 'no' } });
    const { traceback = '' } = told.error ?? {};
    expect(traceback).toMatch(
      /^Traceback \(most recent call last\):\n {2}File "<query \d+>", line 2, in <module>\n {4}boom\(\)\n/,
    );
    expect(traceback).toMatch(/line 2, in boom\n {4}raise ValueError\("no"\)\nValueError: no\n$/);
    expect(traceback).not.toContain('driver');
    expect((await python.query('y')).value).toBe('7');
  });

  test('a chained exception shows both, and source lines are there for traceback.print_exc', async () => {
    const told = await python.query('try:\n    boom()\nexcept ValueError as e:\n    raise KeyError("k") from e');
    expect(told).toMatchObject({ error: { name: 'KeyError', message: "'k'" } });
    expect(told.error?.traceback).toContain('direct cause');
    const printed = await python.query(
      'import traceback\ntry:\n    1 / 0\nexcept Exception:\n    traceback.print_exc()',
    );
    expect(printed.stderr).toContain('    1 / 0\n');
  });

  test('a syntax error shows the place and runs nothing', async () => {
    const told = await python.query('print("never")\ndef f(:');
    expect(told).toMatchObject({ stdout: '', exitCode: 1 });
    expect(told.error?.name).toBe('SyntaxError');
    expect(told.error?.traceback).toMatch(/^ {2}File "<query \d+>", line 2\n {4}def f\(:\n.*\^.*\nSyntaxError: /);
  });

  test.each([
    ['import sys; sys.exit(3)', 3, ''],
    ['sys.exit()', 0, ''],
    ['sys.exit(0)', 0, ''],
    ['sys.exit(-1)', 255, ''],
    ['sys.exit("bye")', 1, 'bye\n'],
    ['exit(4)', 4, ''],
    ['raise SystemExit', 0, ''],
  ])('%s ends with %i and keeps the state', async (code, exitCode, stderr) => {
    expect(await python.query(code)).toEqual({ ...quiet, exitCode, stderr });
    expect((await python.query('x')).value).not.toBeNull();
    expect((await python.query('import sys; sys.stdin.read()')).value).toBe("''");
  });

  test('os._exit and a fault are the end of the process, with what was printed before', async () => {
    using exiting = await DriverHarness.start(command);
    expect(await exiting.query('import os; print("a"); os._exit(5)')).toEqual({ ...quiet, stdout: 'a\n', exitCode: 5 });
    using faulty = await DriverHarness.start(command);
    expect(await faulty.query('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)')).toMatchObject({
      exitCode: -11,
    });
  });

  test('a query that empties sys.modules does not end the driver', async () => {
    using emptied = await DriverHarness.start(command);
    expect(await emptied.query('import sys; sys.modules.clear()')).toEqual(quiet);
    expect(await emptied.query('1 + 1')).toEqual({ ...quiet, value: '2' });
  });

  test('a query that closes all standard descriptors keeps its state, and the next one prints', async () => {
    using closed = await DriverHarness.start(command);
    expect(
      await closed.query('import os; x = 5\nfor i in range(10):\n  try: os.close(i)\n  except OSError: pass'),
    ).toEqual(quiet);
    expect(await closed.query('print(x)')).toEqual({ ...quiet, stdout: '5\n' });
    expect(await closed.query('[os.close(i) for i in (1, 2)]')).toEqual({ ...quiet, value: '[None, None]' });
    expect((await closed.query('print(x); x / 0')).stdout).toBe('5\n');
  });

  test.each(['import os; os.close(250)', 'import os; os.closerange(3, 1000)'])(
    '%j, which takes the channel away, is the end of the process, told in one sentence',
    async (code) => {
      using closed = await DriverHarness.start(command);
      const told = await closed.query(`print("before")\n${code}`);
      expect(told).toMatchObject({ stdout: 'before\n', exitCode: 1 });
      expect(told.stderr).toMatch(/^kernelet: the program closed descriptor \d+, .*: its variables are lost\n$/);
    },
  );

  test.each([
    ['import sys; sys.stdout.close(); sys.stderr.close()', 0, null],
    ['import sys; del sys.stdout, sys.stderr, sys.stdin', 0, null],
    ['import sys; sys.stdout = open("/dev/full", "w"); print("x")', 0, null],
    ['import os; os.dup2(os.open("/dev/full", os.O_WRONLY), 1); print("x")', 1, 'OSError'],
    ['import sys; sys.stderr = open("/dev/full", "w"); 1 / 0', 1, 'ZeroDivisionError'],
    ['import sys; sys.stderr = None; 1 / 0', 1, 'ZeroDivisionError'],
    ['class E:\n  def __str__(self): raise ValueError("s")\nimport sys; sys.exit(E())', 1, null],
    ['class E(Exception):\n  def __str__(self): raise ValueError("s")\nraise E', 1, 'E'],
    ['import builtins; builtins.__import__ = None; 1 / 0', 1, 'ZeroDivisionError'],
    ['held = []\nwhile True: held.append(open("/dev/null"))', 1, 'OSError'],
    ['import os\nwhile True: os.open("/dev/null", 0)', 1, 'OSError'],
  ])('%j leaves a driver that answers and tells of errors', async (code, exitCode, name) => {
    using harmed = await DriverHarness.start(command);
    await harmed.query('x = 5');
    const { error, ...told } = await harmed.query(code);
    expect([told.exitCode, error?.name ?? null]).toEqual([exitCode, name]);
    expect(await harmed.query('x')).toMatchObject({ value: '5', exitCode: 0 });
    expect(await harmed.query('x / 0')).toMatchObject({ error: { name: 'ZeroDivisionError' }, exitCode: 1 });
  });

  test('a program that has used up its descriptors has its traceback all the same', async () => {
    using harmed = await DriverHarness.start(command);
    const { error } = await harmed.query('held = []\nwhile True: held.append(open("/dev/null"))');
    expect(error?.message).toContain('Too many open files');
    expect(error?.traceback).toMatch(/^Traceback .*\n {2}File "<query 1>", line 2, in <module>\n/);
    expect(await harmed.query('del held')).toEqual(quiet);
    expect((await harmed.query('import wave')).exitCode).toBe(0);
  });

  test('a hook of the program’s own tells of errors in its own way', async () => {
    using hooked = await DriverHarness.start(command);
    await hooked.query('import sys; sys.excepthook = lambda kind, error, trace: print("mine", file=sys.stderr)');
    const error = { name: 'KeyError', message: "'k'", traceback: '' };
    expect(await hooked.query('{}["k"]')).toEqual({ ...quiet, stderr: 'mine\n', error, exitCode: 1 });
  });

  test('a traceback of megabytes is output', async () => {
    const { error, stderr } = await python.query('raise ValueError("x" * 2_000_000)');
    expect(error).toEqual({ name: 'ValueError', message: 'x'.repeat(4096), traceback: '' });
    expect([stderr.length > 2_000_000, stderr.slice(-2)]).toEqual([true, 'x\n']);
  });

  test('what C code prints comes with its query, whole lines in their place', async () => {
    using mixed = await DriverHarness.start(command);
    await mixed.query('import ctypes; libc = ctypes.CDLL(None)');
    const code = 'libc.puts(b"1"); print(2); libc.puts(b"3"); _ = libc.printf(b"4")';
    expect(await mixed.query(code)).toEqual({ ...quiet, stdout: '1\n2\n3\n4' });
  });

  test('the end of the channel ends the process as a program ends', async () => {
    using ending = await DriverHarness.start(command);
    await ending.query('import atexit, os; atexit.register(lambda: os.write(1, b"bye"))');
    expect(await ending.end()).toBe(0);
  });
});

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
});

describe('input', () => {
  test('input and getpass ask, and the answer comes back', async () => {
    const told = await python.query(
      'print("a", end="")\nn = input("name? ")\nimport getpass\np = getpass.getpass()\n[n, p]',
      {
        answers: ['Ada é\n', 'secret'],
      },
    );
    expect(told).toEqual({
      ...quiet,
      stdout: 'a',
      value: "['Ada é', 'secret']",
      events: [
        { ev: 'input', prompt: 'name? ', password: false },
        { ev: 'input', prompt: 'Password: ', password: true },
      ],
    });
  });

  test('the end of the input is the end of a file, each time', async () => {
    const told = await python.query('try:\n    input("a")\nexcept EOFError as e:\n    print(e)\ninput("b")');
    expect(told).toMatchObject({ stdout: 'EOF when reading a line\n', exitCode: 1 });
    expect(told.error?.traceback).toMatch(/input\("b"\)\n(.*\^\n)?EOFError: EOF when reading a line\n$/);
    expect(told.error?.traceback).not.toContain('driver');
  });

  test('standard input itself is at its end', async () => {
    expect(await python.query('import sys; print(repr(sys.stdin.read())); sys.stdin.readline()')).toMatchObject({
      stdout: "''\n",
      value: "''",
    });
  });

  test('an interrupt ends the wait; the answer that comes too late is nobody’s', async () => {
    const told = await python.query('input("? ")', { interruptAt: 'input' });
    expect(told).toMatchObject({ exitCode: 130, error: { name: 'KeyboardInterrupt' } });
    expect(told.error?.traceback).toMatch(/KeyboardInterrupt\n$/);
    expect(told.error?.traceback).not.toContain('channel.py');
    python.send({ op: 'input', text: 'late' });
    expect(await python.query('5')).toEqual({ ...quiet, value: '5' });
  });
});

describe('interrupts', () => {
  test.each(['import time; time.sleep(60)', 'while True: pass', 'import asyncio; await asyncio.sleep(60)'])(
    '%s is interrupted with 130',
    async (code) => {
      const told = await python.query(`print("go")\n${code}`, { interruptAt: 'go' });
      expect(told).toMatchObject({
        exitCode: 130,
        error: { traceback: expect.stringMatching(/^Traceback[\s\S]*KeyboardInterrupt/) },
      });
      expect((await python.query('1 + 1')).value).toBe('2');
    },
  );

  test('user code may catch it', async () => {
    const code =
      'import time\ntry:\n    print("go")\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print("caught")';
    expect(await python.query(code, { interruptAt: 'go' })).toEqual({ ...quiet, stdout: 'go\ncaught\n' });
  });

  test('between queries it does nothing', async () => {
    python.interrupt();
    python.interrupt();
    expect(await python.query('2')).toEqual({ ...quiet, value: '2' });
  });

  test('a hundred interrupts at any moment leave the protocol whole', async () => {
    await python.query('class Html:\n    def _repr_html_(self): return "<i>" * 1000');
    const stop = setInterval(() => python.interrupt(), 1);
    for (let round = 0; round < 40; round += 1) {
      expect([0, 130]).toContain(await python.status('for _ in range(20): display(Html())'));
    }
    clearInterval(stop);
    expect((await python.query('3')).value).toBe('3');
  });
});

describe('processes and output', () => {
  test('children and native code print in order with Python', async () => {
    const code =
      'import os, subprocess\nprint("1")\nsubprocess.run(["echo", "2"])\nprint("3")\nos.system("echo 4")\nos.write(1, b"5\\n")\nprint("6")';
    expect((await python.query(`${code}\nNone`)).stdout).toBe('1\n2\n3\n4\n5\n6\n');
  });

  test('a forked child that comes back says nothing to the runner', async () => {
    const told = await python.query(
      'import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\nprint("child" if pid == 0 else "parent")\npid == 0',
    );
    expect(told).toEqual({ ...quiet, stdout: 'child\nTrue\nparent\n', value: 'False' });
  });

  test('multiprocessing works with functions of the query', async () => {
    await python.query('import multiprocessing as mp\ndef square(n): return n * n');
    expect(
      (await python.query('with mp.get_context("fork").Pool(2) as pool: print(pool.map(square, [1, 2, 3]))')).stdout,
    ).toBe('[1, 4, 9]\n');
  });

  test('children inherit neither the channel nor an ignored SIGINT', async () => {
    const code =
      'import os, signal\nos.system("ls -l /proc/self/fd | tail -n +5 | grep -c socket; grep SigIgn /proc/self/status")';
    const [descriptors, ignored] = (await python.query(`${code};`)).stdout.split('\n');
    expect(Number(descriptors)).toBe(0);
    expect(BigInt(`0x${ignored?.split(/\s+/)[1]}`) & 2n).toBe(0n);
  });

  test('50 MB come whole, and what is printed without a newline too', async () => {
    const told = await python.query('line = "x" * 99\nfor _ in range(500_000): print(line)\nprint("end", end="")');
    expect(told.stdout.length).toBe(50_000_003);
    expect(told.stdout.endsWith('x\nend')).toBe(true);
  });

  test('a thread may print and display while and after the query runs', async () => {
    const code =
      'import threading\nt = threading.Thread(target=lambda: (print("in"), display(5), display({"text/html": "h"}, raw=True)))\nt.start(); t.join()';
    const events = [plain('5'), display({ 'text/html': 'h' })];
    expect(await python.query(code)).toEqual({ ...quiet, stdout: 'in\n', events });
  });
});

describe('completion', () => {
  test('modules where one is imported, without importing any', async () => {
    expect(await python.complete('import mailb')).toEqual(['mailbox']);
    expect(await python.complete('x = 1\nimport os, mailb')).toEqual(['mailbox']);
    expect(await python.complete('from wsgiref.simp')).toEqual(['wsgiref.simple_server']);
    expect(await python.complete('import mat')).toContain('math');
    expect(await python.complete('import os as mailb')).toEqual([]);
    expect(await python.complete('import nowhere.x')).toEqual([]);
    const loaded = await python.query('import sys; [name in sys.modules for name in ("mailbox", "wsgiref")]');
    expect(loaded.value).toBe('[False, False]');
  });

  test('names, keywords and attributes, with the whole dotted name', async () => {
    await python.query('import os\nfoobar = {"a": 1}');
    expect(await python.complete('foo')).toEqual(['foobar']);
    expect(await python.complete('print(os.pat', 12)).toEqual([
      'os.path',
      'os.pathconf',
      'os.pathconf_names',
      'os.pathsep',
    ]);
    expect(await python.complete('foobar.ke tail', 9)).toEqual(['foobar.keys']);
    expect(await python.complete('nonl')).toEqual(['nonlocal']);
    expect(await python.complete('unknown.x')).toEqual([]);
    expect(await python.complete('foobar.__le')).toEqual(['foobar.__le__', 'foobar.__len__']);
    expect(await python.complete('')).toContain('foobar');
  });
});

test('a trivial query takes about a millisecond', async () => {
  const durations: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    const before = performance.now();
    await python.status('1');
    durations.push(performance.now() - before);
  }
  expect(median(durations)).toBeLessThan(5);
});
