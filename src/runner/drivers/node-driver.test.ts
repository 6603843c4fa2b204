import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DriverHarness, median, quiet } from '../../../test/support/driver-harness.ts';

const command = [process.execPath, `${import.meta.dirname}/node_driver.cjs`];
let node: DriverHarness;
beforeAll(async () => {
  node = await DriverHarness.start(command);
});
afterAll(() => node[Symbol.dispose]());

test('state is kept, names may be declared again, and the last value is shown', async () => {
  expect(await node.query('const a = 1; let b = 2; class C {}')).toEqual(quiet);
  expect(await node.query('const a = 40; let b = 2; class C { d = 1 }\nconsole.log("first"); a + b')).toEqual({
    ...quiet,
    stdout: 'first\n',
    value: '42',
  });
  expect((await node.query('_ + 1')).value).toBe('43');
});

test.each([
  ['"text"', "'text'"],
  ['{ a: 1, b: [new Map([[1, 2]])] }', '{ a: 1, b: [ Map(1) { 1 => 2 } ] }'],
  ['{ let z = 5; z }', '5'],
  ['-0', '-0'],
  ['10n ** 20n', '100000000000000000000n'],
  ['NaN', 'NaN'],
  ['null', 'null'],
  ['Symbol("s")', 'Symbol(s)'],
  ['undefined', null],
  ['', null],
  ['new C()', 'C { d: 1 }'],
  ['await Promise.resolve({ x: 1 })', '{ x: 1 }'],
  ['Promise.resolve(7)', 'Promise { 7 }'],
  ['path.join("a", "b")', "'a/b'"],
  ['const fs = require("fs"); typeof fs.readFileSync', "'function'"],
  ['(await import("node:os")).EOL', "'\\n'"],
  ['`${typeof import("fs")} import(1)` + "import(2)" + /import(3)/.source', "'object import(1)import(2)import(3)'"],
])('%j shows %j', async (code, value) => {
  expect(await node.query(code)).toEqual({ ...quiet, value });
});

test('modules of the working folder can be required and imported', async () => {
  mkdirSync(join(node.folder, 'node_modules/only-esm'), { recursive: true });
  writeFileSync(join(node.folder, 'node_modules/only-esm/package.json'), '{"type":"module","exports":"./i.js"}');
  writeFileSync(join(node.folder, 'node_modules/only-esm/i.js'), 'export default 1;');
  writeFileSync(join(node.folder, 'mine.js'), 'module.exports = 2;');
  const told = await node.query(
    '[(await import("only-esm")).default, require("./mine.js"), (await import("./mine.js")).default]',
  );
  expect(told).toEqual({ ...quiet, value: '[ 1, 2, 2 ]' });
});

test.each([
  [
    'function f() { null.x }\nf()',
    'TypeError',
    /^Uncaught TypeError: .*\n {4}at f \(query-\d+:1:21\)\n {4}at query-\d+:2:1\n$/,
  ],
  ['await Promise.reject(new RangeError("r"))', 'RangeError', /^Uncaught RangeError: r\n {4}at query-\d+:1:22\n$/],
  ['throw 5', 'Error', /^Uncaught 5\n$/],
  [
    'throw Object.assign(new Error("w"), { code: 3 })',
    'Error',
    /^Uncaught Error: w\n {4}at query-\d+:1:21 \{\n {2}code: 3\n\}\n$/,
  ],
  ['Promise.reject(new Error("nobody")); undefined', 'Error', /^Uncaught Error: nobody\n/],
  ['setTimeout(() => { throw new Error("later") }); await new Promise(() => {})', 'Error', /^Uncaught Error: later\n/],
  ['let q =\n  1 +;', 'SyntaxError', /^query-\d+:2\n {2}1 \+;\n {5}\^\n\nUncaught SyntaxError: /],
  ['const odd = { [require("util").inspect.custom]() { throw odd; } }; throw odd', 'Error', /^Uncaught \{/],
])('%j is told as %s, with status 1', async (code, name, traceback) => {
  const error = expect.objectContaining({ name, traceback: expect.stringMatching(traceback) });
  expect(await node.query(code)).toEqual({ ...quiet, exitCode: 1, error });
  expect((await node.query('a')).value).toBe('40');
});

test('an error has its text, and another one that comes with it is output', async () => {
  const told = await node.query('Promise.reject(new Error("other")); throw new RangeError("no")');
  expect(told).toMatchObject({ error: { name: 'RangeError', message: 'no' }, exitCode: 1 });
  expect(told.stderr).toMatch(/^Uncaught Error: other\n/);
});

test('a value shows every form that it offers, and so does display', async () => {
  const code = `class Both {
    constructor(forms) { this.forms = forms; }
    [Symbol.for("Jupyter.display")]() { return this.forms; }
    [require("util").inspect.custom]() { return "both"; }
  }
  display(new Both({ "text/html": "<b>é</b>", "a/b": null }), 5);
  new Both({ "image/png": new Uint8Array([137, 80]), "image/gif": "R0lG", "application/json": { a: 1 }, "text/plain": "p" })`;
  const text = { type: 'text/plain', encoding: 'text' };
  const shown = [
    { type: 'text/html', encoding: 'text', data: '<b>é</b>' },
    { ...text, data: 'both' },
  ];
  const value = [
    { type: 'image/png', encoding: 'base64', data: 'iVA=' },
    { type: 'image/gif', encoding: 'base64', data: 'R0lG' },
    { type: 'application/json', encoding: 'text', data: '{"a":1}' },
    { ...text, data: 'p' },
  ];
  const events = [
    { ev: 'display', role: 'display', forms: shown },
    { ev: 'display', role: 'display', forms: [{ ...text, data: '5' }] },
    { ev: 'display', role: 'result', forms: value },
  ];
  expect(await node.query(code)).toEqual({ ...quiet, events });
  expect((await node.query('const display = 1; display')).value).toBe('1');
});

test('of what is too large for a value only the size is sent, and a text alone is printed', async () => {
  const big =
    '({ [Symbol.for("Jupyter.display")]: () => ({ "image/png": new Uint8Array(2_000_000), "text/plain": "p" }) })';
  const forms = [
    { type: 'image/png', encoding: 'base64', bytes: 2_000_000 },
    { type: 'text/plain', encoding: 'text', data: 'p' },
  ];
  expect((await node.query(big)).events).toEqual([{ ev: 'display', role: 'result', forms }]);
  const long = '({ [require("util").inspect.custom]: () => "x".repeat(1_000_000) })';
  expect((await node.query(long)).stdout).toBe(`${'x'.repeat(1_000_000)}\n`);
});

test.each([
  ['for (;;) fs.openSync("/dev/null")', 'EMFILE'],
  ['fs.closeSync(1); process.stdout.write("x")', 'EBADF'],
  ['fs.closeSync(1); fs.openSync("/dev/full", "w"); process.stdout.write("x")', 'ENOSPC'],
  ['process.stdout.end(); process.stdout.write("x")', 'write after end'],
])('%s leaves a driver that answers and tells of errors', async (code, message) => {
  using harmed = await DriverHarness.start(command);
  await harmed.query('const x = 5');
  expect(await harmed.query(code)).toMatchObject({ exitCode: 1, error: { message: expect.stringContaining(message) } });
  expect(await harmed.query('x')).toEqual({ ...quiet, value: '5' });
  expect(await harmed.query('null.x')).toMatchObject({ exitCode: 1, error: { name: 'TypeError' } });
});

test('process.exit is the end of the process, with all its output', async () => {
  using exiting = await DriverHarness.start(command);
  const told = await exiting.query('process.stdout.write("x".repeat(3_000_000)); console.error("e"); process.exit(3)');
  expect({ ...told, stdout: told.stdout.length }).toEqual({ ...quiet, stdout: 3_000_000, stderr: 'e\n', exitCode: 3 });
});

test('a query that takes the globals away does not end the driver', async () => {
  using robbed = await DriverHarness.start(command);
  const taken = 'process = console = Buffer = setImmediate = JSON = Object = Map = undefined;';
  expect(await robbed.query(taken)).toEqual(quiet);
  expect(await robbed.query('1 + 1')).toEqual({ ...quiet, value: '2' });
  expect((await robbed.query('throw 1')).error?.message).toBe('1');
});

test('toJSON is refused for every object, which would end all messages, and works for others', async () => {
  const refused = await node.query('Object.prototype.toJSON = () => 1;');
  expect(refused.error?.message).toContain('a query cannot give every object');
  const fine =
    'const mine = {}; mine.toJSON = () => 2; class Y { toJSON() { return 3; } }; JSON.stringify([mine, new Y(), {}])';
  expect(await node.query(fine)).toEqual({ ...quiet, value: "'[2,3,{}]'" });
});

test('process.exitCode is the status of its query only', async () => {
  expect((await node.query('process.exitCode = 4;')).exitCode).toBe(4);
  expect((await node.query('1')).exitCode).toBe(0);
});

test.each([
  'console.log("go"); while (true);',
  'console.log("go"); await new Promise(() => {})',
  'require("child_process").spawnSync("sh", ["-c", "echo go; exec sleep 60"], { stdio: "inherit" })',
])('%s is interrupted', async (code) => {
  const told = await node.query(code, { interruptAt: 'go' });
  expect(told.exitCode).toBeGreaterThan(0);
  expect(told.error?.traceback).toContain('Uncaught Error: ');
  expect(await node.query('1 + 1')).toEqual({ ...quiet, value: '2' });
});

test('an interrupted query has status 130, and one between queries does nothing', async () => {
  expect((await node.query('console.log("go"); for (;;);', { interruptAt: 'go' })).exitCode).toBe(130);
  node.interrupt();
  expect(await node.query('3')).toEqual({ ...quiet, value: '3' });
});

test('a query that waits is interrupted by the line alone, and no other is', async () => {
  const waiting = node.query('console.log("go"); await new Promise(() => {})');
  await new Promise((resolve) => setTimeout(resolve, 300));
  node.send({ op: 'interrupt', id: 1 });
  node.send({ op: 'interrupt', id: node.lastId });
  expect((await waiting).exitCode).toBe(130);
  node.send({ op: 'interrupt', id: node.lastId });
  expect(await node.query('4')).toEqual({ ...quiet, value: '4' });
});

test('an evaluation that can never end does no harm when it is collected', async () => {
  using collecting = await DriverHarness.start([process.execPath, '--expose-gc', ...command.slice(1)]);
  const waiting = collecting.query('console.log("go"); await new Promise(() => {})');
  await new Promise((resolve) => setTimeout(resolve, 300));
  // By the line alone: a signal may come while the engine gives it back, and reach the next query.
  collecting.send({ op: 'interrupt', id: collecting.lastId });
  expect((await waiting).exitCode).toBe(130);
  expect(await collecting.query('gc(); gc(); 1 + 1')).toEqual({ ...quiet, value: '2' });
});

test('children print in order and inherit no channel; standard input is at its end', async () => {
  const code =
    'const { spawnSync } = require("child_process"); console.log(1); spawnSync("echo", ["2"], { stdio: "inherit" }); console.log(3);' +
    'spawnSync("sh", ["-c", "ls -l /proc/self/fd | tail -n +5 | grep -c socket"], { stdio: "inherit" }); fs.readFileSync(0).length';
  expect(await node.query(code)).toMatchObject({ stdout: '1\n2\n3\n0\n', value: '0' });
});

test('20 MB come whole', async () => {
  const told = await node.query('for (let i = 0; i < 200_000; i++) console.log("x".repeat(99));');
  expect(told.stdout.length).toBe(20_000_000);
});

test('names complete without effects', async () => {
  await node.query(
    'let touched = 0; const trap = { get danger() { touched++; return { inner: 1 }; } }; const myLongName = 1;',
  );
  expect(await node.complete('myLong')).toEqual(['myLongName']);
  expect(await node.complete('x = Math.ma')).toEqual(['Math.max']);
  expect(await node.complete('trap.da')).toEqual(['trap.danger']);
  expect(await node.complete('trap.danger.in')).toEqual([]);
  expect((await node.query('touched')).value).toBe('0');
});

test('a trivial query takes about a millisecond', async () => {
  const durations: number[] = [];
  for (let round = 0; round < 100; round += 1) {
    const before = performance.now();
    await node.status('1;');
    durations.push(performance.now() - before);
  }
  expect(median(durations)).toBeLessThan(5);
});

test('for TypeScript the types of queries are taken away, and what is no TypeScript is told', async () => {
  using typed = await DriverHarness.start([...command, 'typescript']);
  expect(await typed.query('interface A { b: number }; let a: A = { b: 2 }')).toEqual(quiet);
  expect((await typed.query('(a as A).b * 21')).value).toBe('42');
  expect(await typed.query('let x: = 1')).toMatchObject({
    stdout: '',
    exitCode: 1,
    error: { name: 'SyntaxError', traceback: expect.stringMatching(/^Uncaught SyntaxError: /) },
  });
  expect((await node.query('let x: number = 1')).exitCode).toBe(1);
});
