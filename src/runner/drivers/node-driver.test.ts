import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DriverHarness, median } from '../../../test/support/driver-harness.ts';

const command = [process.execPath, `${import.meta.dirname}/node_driver.cjs`];
let node: DriverHarness;
beforeAll(async () => {
  node = await DriverHarness.start(command);
});
afterAll(() => node[Symbol.dispose]());

const quiet = { stdout: '', stderr: '', events: [], exitCode: 0 };

test('state is kept, names may be declared again, and the last value is shown', async () => {
  expect(await node.query('const a = 1; let b = 2; class C {}')).toEqual(quiet);
  expect(await node.query('const a = 40; let b = 2; class C { d = 1 }\nconsole.log("first"); a + b')).toEqual({
    ...quiet,
    stdout: 'first\n42\n',
  });
  expect((await node.query('_ + 1')).stdout).toBe('43\n');
});

test.each([
  ['"text"', "'text'\n"],
  ['{ a: 1, b: [new Map([[1, 2]])] }', '{ a: 1, b: [ Map(1) { 1 => 2 } ] }\n'],
  ['{ let z = 5; z }', '5\n'],
  ['-0', '-0\n'],
  ['10n ** 20n', '100000000000000000000n\n'],
  ['NaN', 'NaN\n'],
  ['null', 'null\n'],
  ['Symbol("s")', 'Symbol(s)\n'],
  ['undefined', ''],
  ['', ''],
  ['new C()', 'C { d: 1 }\n'],
  ['await Promise.resolve({ x: 1 })', '{ x: 1 }\n'],
  ['Promise.resolve(7)', 'Promise { 7 }\n'],
  ['path.join("a", "b")', "'a/b'\n"],
  ['const fs = require("fs"); typeof fs.readFileSync', "'function'\n"],
  ['(await import("node:os")).EOL', "'\\n'\n"],
  ['`${typeof import("fs")} import(1)` + "import(2)" + /import(3)/.source', "'object import(1)import(2)import(3)'\n"],
])('%j shows %j', async (code, stdout) => {
  expect(await node.query(code)).toEqual({ ...quiet, stdout });
});

test('modules of the working folder can be required and imported', async () => {
  mkdirSync(join(node.folder, 'node_modules/only-esm'), { recursive: true });
  writeFileSync(join(node.folder, 'node_modules/only-esm/package.json'), '{"type":"module","exports":"./i.js"}');
  writeFileSync(join(node.folder, 'node_modules/only-esm/i.js'), 'export default 1;');
  writeFileSync(join(node.folder, 'mine.js'), 'module.exports = 2;');
  const told = await node.query(
    '[(await import("only-esm")).default, require("./mine.js"), (await import("./mine.js")).default]',
  );
  expect(told).toEqual({ ...quiet, stdout: '[ 1, 2, 2 ]\n' });
});

test.each([
  ['function f() { null.x }\nf()', /^Uncaught TypeError: .*\n {4}at f \(query-\d+:1:21\)\n {4}at query-\d+:2:1\n$/],
  ['await Promise.reject(new RangeError("r"))', /^Uncaught RangeError: r\n {4}at query-\d+:1:22\n$/],
  ['throw 5', /^Uncaught 5\n$/],
  [
    'throw Object.assign(new Error("w"), { code: 3 })',
    /^Uncaught Error: w\n {4}at query-\d+:1:21 \{\n {2}code: 3\n\}\n$/,
  ],
  ['Promise.reject(new Error("nobody")); 1', /^Uncaught Error: nobody\n/],
  ['setTimeout(() => { throw new Error("later") }); await new Promise(() => {})', /^Uncaught Error: later\n/],
  ['let q =\n  1 +;', /^query-\d+:2\n {2}1 \+;\n {5}\^\n\nUncaught SyntaxError: /],
])('%j is told on standard error, with status 1', async (code, stderr) => {
  expect(await node.query(code)).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(stderr) });
  expect((await node.query('a')).stdout).toBe('40\n');
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
  expect(await robbed.query('1 + 1')).toEqual({ ...quiet, stdout: '2\n' });
});

test('toJSON is refused for every object, which would end all messages, and works for others', async () => {
  const refused = await node.query('Object.prototype.toJSON = () => 1;');
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('a query cannot give every object') });
  const fine =
    'const mine = {}; mine.toJSON = () => 2; class Y { toJSON() { return 3; } }; JSON.stringify([mine, new Y(), {}])';
  expect(await node.query(fine)).toEqual({ ...quiet, stdout: "'[2,3,{}]'\n" });
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
  expect(told.stderr).toContain('Uncaught Error: ');
  expect(await node.query('1 + 1')).toEqual({ ...quiet, stdout: '2\n' });
});

test('an interrupted query has status 130, and one between queries does nothing', async () => {
  expect((await node.query('console.log("go"); for (;;);', { interruptAt: 'go' })).exitCode).toBe(130);
  node.interrupt();
  expect(await node.query('3')).toEqual({ ...quiet, stdout: '3\n' });
});

test('a query that waits is interrupted by the line alone, and no other is', async () => {
  const waiting = node.query('console.log("go"); await new Promise(() => {})');
  await new Promise((resolve) => setTimeout(resolve, 300));
  node.send({ op: 'interrupt', id: 1 });
  node.send({ op: 'interrupt', id: node.lastId });
  expect((await waiting).exitCode).toBe(130);
  node.send({ op: 'interrupt', id: node.lastId });
  expect(await node.query('4')).toEqual({ ...quiet, stdout: '4\n' });
});

test('an evaluation that can never end does no harm when it is collected', async () => {
  using collecting = await DriverHarness.start([process.execPath, '--expose-gc', ...command.slice(1)]);
  await collecting.query('console.log("go"); await new Promise(() => {})', { interruptAt: 'go' });
  expect(await collecting.query('gc(); gc(); 1 + 1')).toEqual({ ...quiet, stdout: '2\n' });
});

test('children print in order and inherit no channel; standard input is at its end', async () => {
  const code =
    'const { spawnSync } = require("child_process"); console.log(1); spawnSync("echo", ["2"], { stdio: "inherit" }); console.log(3);' +
    'spawnSync("sh", ["-c", "ls -l /proc/self/fd | tail -n +5 | grep -c socket"], { stdio: "inherit" }); fs.readFileSync(0).length';
  expect((await node.query(code)).stdout).toBe('1\n2\n3\n0\n0\n');
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
  expect((await node.query('touched')).stdout).toBe('0\n');
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
  expect((await typed.query('(a as A).b * 21')).stdout).toBe('42\n');
  expect(await typed.query('let x: = 1')).toMatchObject({
    stdout: '',
    exitCode: 1,
    stderr: expect.stringMatching(/^Uncaught SyntaxError: /),
  });
  expect((await node.query('let x: number = 1')).exitCode).toBe(1);
});
