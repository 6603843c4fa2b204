/** Carries the scripts of batch plans out, with a compiler made of shell that joins what it is given. */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Plan, RuntimeContext } from '../runtime.ts';
import { c, cpp } from './compiled.ts';
import { python } from './python.ts';

let home: string;
let tools: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'kernelet-home-'));
  tools = mkdtempSync(join(tmpdir(), 'kernelet-tools-'));
});
afterEach(() => {
  for (const folder of [home, tools]) rmSync(folder, { recursive: true, force: true });
});

function put(path: string, content: string, folder = home): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

function tool(name: string, text: string): string {
  const path = put(name, `#!/bin/sh\n${text}`, tools);
  chmodSync(path, 0o755);
  return path;
}

/** `-c` copies the source, linking joins the objects into a script; a source with the word `wrong` fails with 3. */
const compiler = (): string =>
  tool(
    'cc',
    `inputs= compile= out=
while [ $# -gt 0 ]; do
  case $1 in -c) compile=1;; -o) out=$2; shift;; -x) shift;; -*) ;; *) inputs="$inputs '$1'";; esac
  shift
done
eval "set -- $inputs"
if grep -q wrong "$@"; then echo "error: wrong" >&2; exit 3; fi
if [ -z "$compile" ]; then echo '#!/bin/sh' > "$out"; fi
cat "$@" >> "$out" && chmod +x "$out"`,
  );

const context = (over: Partial<RuntimeContext> = {}): RuntimeContext => ({
  tool: null,
  home,
  environ: {},
  drivers: '/v/drivers',
  volumeNode: process.execPath,
  volumeShell: '/bin/sh',
  temporaryPath: (ending) => join(home, `.tmp${ending}`),
  which: () => null,
  ...over,
});

/** Carries out what a plan runs, as the runner does. */
function carryOut(plan: Plan, input = ''): { status: number | null; stdout: string; stderr: string } {
  if (plan.kind === 'nothing') return { status: plan.exitCode, stdout: '', stderr: plan.message };
  const said = { status: 0 as number | null, stdout: '', stderr: '' };
  for (const step of plan.steps) {
    if (step.do === 'write') writeFileSync(step.path, step.content);
    if (step.do !== 'run') continue;
    const [program = '', ...args] = step.command.argv;
    const env = { ...process.env, PATH: `${tools}:${process.env['PATH']}`, ...step.command.environ };
    const done = spawnSync(program, args, { cwd: home, env, input: step.main ? input : '', encoding: 'utf8' });
    said.status = done.status;
    said.stdout += done.stdout;
    said.stderr += done.stderr;
    if (done.status !== 0) break;
  }
  for (const step of plan.steps) {
    if (step.do === 'remove-at-end') for (const path of step.paths) rmSync(path, { force: true });
  }
  return said;
}

test('sources of one name in several folders are all built, and odd names too', () => {
  put('main.c', 'echo main\n');
  put('a/part.c', 'echo a\n');
  put('b/part.c', 'echo b\n');
  put('b/new\nline -rf.c', 'echo odd\n');
  put('b/other.cpp', 'echo not C\n');
  symlinkSync('..', join(home, 'a', 'loop'));
  const built = carryOut(c.build(context({ tool: compiler() })));
  expect(built).toEqual({ status: 0, stdout: '', stderr: '' });
  const ran = carryOut(c.exec(context()));
  expect(ran.stdout.split('\n').filter(Boolean).sort()).toEqual(['a', 'b', 'main', 'odd']);
  expect(readdirSync(home).sort()).toEqual(['a', 'b', 'main', 'main.c']);
});

test('a compiler that fails ends the build with its status, and nothing is linked or left', () => {
  put('main.cpp', 'wrong');
  const built = carryOut(cpp.build(context({ tool: compiler() })));
  expect(built).toEqual({ status: 3, stdout: '', stderr: 'error: wrong\n' });
  expect(readdirSync(home)).toEqual(['main.cpp']);
});

test('no source and no Makefile is 127 with a reason', () => {
  const built = carryOut(c.build(context({ tool: compiler() })));
  expect(built).toMatchObject({ status: 127, stderr: expect.stringContaining('no C source (.c)') });
});

test('a Makefile comes before everything, with make’s own status', () => {
  put('Makefile', 'all:\n');
  put('main.c', 'echo main\n');
  tool('make', 'echo "made $*"; exit 5');
  for (const plan of [c.build(context({ tool: compiler() })), c.build(context()), python.build(context())]) {
    expect(carryOut(plan)).toMatchObject({ status: 5, stdout: 'made \n' });
  }
  expect(carryOut(c.clean(context()))).toMatchObject({ status: 5, stdout: 'made clean\n' });
});

test('without a Makefile there is nothing to clean, which is a success', () => {
  expect(carryOut(c.clean(context()))).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('nothing to clean'),
  });
});

test('exec takes ./main, else ./a.out, else says 127', () => {
  expect(carryOut(c.exec(context()))).toMatchObject({ status: 127, stderr: expect.stringContaining('./a.out') });
  for (const [name, text] of [
    ['a.out', 'echo out; exit 4'],
    ['main', 'echo "$_BACKEND_BATCH_MODE"'],
  ] as const) {
    chmodSync(put(name, `#!/bin/sh\n${text}`), 0o755);
    const expected = name === 'main' ? { status: 0, stdout: '1\n' } : { status: 4, stdout: 'out\n' };
    expect(carryOut(c.exec(context()))).toMatchObject(expected);
  }
});

test('a program is compiled, run with its arguments and input, and removed', () => {
  const program = c.program(
    { from: 'code', code: 'echo "$1-$2"; cat; exit 7' },
    ['x', '-y'],
    context({ tool: compiler() }),
  );
  expect(carryOut(program, 'typed')).toEqual({ status: 7, stdout: 'x--y\ntyped', stderr: '' });
  put('-odd.c', 'echo "$#"');
  const file = c.program({ from: 'file', path: '-odd.c' }, [], context({ tool: compiler() }));
  expect(carryOut(file)).toMatchObject({ status: 0, stdout: '0\n' });
  expect(readdirSync(home)).toEqual(['-odd.c']);
});

test('a program that does not compile is not run', () => {
  const program = c.program({ from: 'code', code: 'wrong' }, [], context({ tool: compiler() }));
  expect(carryOut(program)).toEqual({ status: 3, stdout: '', stderr: 'error: wrong\n' });
});

test('a program from standard input is compiled with a tool that reads it there', () => {
  const reading = tool(
    'rc',
    'while [ $# -gt 0 ]; do [ "$1" = -o ] && out=$2; shift; done; cat > "$out"; chmod +x "$out"',
  );
  const program = cpp.program({ from: 'stdin' }, ['a b'], context({ tool: reading }));
  expect(carryOut(program, '#!/bin/sh\necho "got $1"')).toEqual({ status: 0, stdout: 'got a b\n', stderr: '' });
});

test('a query leaves ./main and removes its source', () => {
  const query = c.query.plan('echo asked', context({ tool: compiler() }));
  expect(carryOut(query)).toMatchObject({ status: 0, stdout: 'asked\n' });
  expect(readdirSync(home)).toEqual(['main']);
});

test('Python’s build installs a project, and its exec wants main.py', () => {
  const pythonTool = tool('py', 'echo "$@"');
  expect(carryOut(python.exec(context({ tool: pythonTool })))).toMatchObject({ status: 127 });
  put('main.py', '');
  put('setup.py', '');
  expect(carryOut(python.exec(context({ tool: pythonTool })))).toMatchObject({ status: 0, stdout: 'main.py\n' });
  const built = carryOut(python.build(context({ tool: pythonTool })));
  expect(built).toMatchObject({ status: 0, stdout: '-m pip install --user -e .\n' });
  expect(existsSync(join(home, 'main'))).toBe(false);
});
