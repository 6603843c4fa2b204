import { expect, test } from 'vitest';
import { runtimeTable } from '../../protocol/runtimes.ts';
import type { Plan, RuntimeContext } from '../runtime.ts';
import { resolveRuntime } from './index.ts';
import { nodejs } from './nodejs.ts';
import { python } from './python.ts';
import { app, shell } from './shell.ts';

const context = (over: Partial<RuntimeContext> = {}): RuntimeContext => ({
  tool: '/usr/bin/tool',
  home: '/home/work',
  environ: {},
  drivers: '/v/drivers',
  volumeNode: '/v/node',
  volumeShell: '/v/sh',
  temporaryPath: (ending) => `/home/work/.tmp${ending}`,
  which: () => null,
  ...over,
});

/** The arguments of a plan's only process. */
function onlyArgv(plan: Plan): readonly string[] {
  const runs = plan.kind === 'steps' ? plan.steps.filter((step) => step.do === 'run') : [];
  expect(runs.map((run) => run.main)).toEqual([true]);
  return runs[0]?.command.argv ?? [];
}

test('every type of the table has a runtime, and no other', () => {
  for (const { type } of runtimeTable) expect(resolveRuntime(type)).toMatchObject({ runtime: { type }, warning: null });
});

test('an unknown type falls back to app with a warning', () => {
  const { runtime, warning } = resolveRuntime('fortran\n');
  expect(runtime.type).toBe('app');
  expect(warning).toContain('"fortran\\n"');
});

test('a type that is not built answers everything with 127 and one line', () => {
  const { runtime } = resolveRuntime('rust');
  const plans = [
    runtime.clean(context()),
    runtime.build(context()),
    runtime.exec(context()),
    runtime.program({ from: 'stdin' }, [], context()),
    runtime.query.by === 'plan' ? runtime.query.plan('fn main() {}', context()) : null,
  ];
  for (const plan of plans) {
    expect(plan).toMatchObject({ kind: 'nothing', exitCode: 127, message: expect.stringMatching(/^kernelet: .*rust/) });
  }
});

test.each([python, nodejs, shell])('$type without its tool says so with 127', (runtime) => {
  const without = context({ tool: null });
  for (const plan of [runtime.exec(without), runtime.program({ from: 'code', code: '1' }, [], without)]) {
    expect(plan).toMatchObject({
      kind: 'nothing',
      exitCode: 127,
      message: expect.stringContaining('this image has no'),
    });
  }
  expect(runtime.query.start(without)).toEqual({ unable: expect.stringContaining('this image has no') });
});

test.each([
  ['python', { from: 'code', code: 'x' }, ['-c', 'x', 'a', '-b']],
  ['python', { from: 'file', path: '-m.py' }, ['./-m.py', 'a', '-b']],
  ['python', { from: 'stdin' }, ['-', 'a', '-b']],
  ['nodejs', { from: 'code', code: 'x' }, ['-e', 'x', '--', 'a', '-b']],
  ['nodejs', { from: 'file', path: 'd/x.js' }, ['d/x.js', 'a', '-b']],
  ['nodejs', { from: 'stdin' }, ['-', 'a', '-b']],
  ['shell', { from: 'code', code: 'x' }, ['-c', 'x', 'a', '-b']],
  ['shell', { from: 'file', path: '-x' }, ['./-x', 'a', '-b']],
  ['shell', { from: 'stdin' }, ['-s', '--', 'a', '-b']],
  ['app', { from: 'code', code: 'x' }, ['-c', 'x', 'a', '-b']],
] as const)('%s runs %j like its own command', (type, source, expected) => {
  const plan = resolveRuntime(type).runtime.program(source, ['a', '-b'], context());
  expect(onlyArgv(plan)).toEqual(['/usr/bin/tool', ...expected]);
});

test.each(['python', 'nodejs', 'shell'])('%s code that is no possible argument goes through a file', (type) => {
  for (const code of ['x'.repeat(140_000), 'a\0b']) {
    const plan = resolveRuntime(type).runtime.program({ from: 'code', code }, ['a'], context());
    const steps = plan.kind === 'steps' ? plan.steps : [];
    expect(steps.map((step) => step.do)).toEqual(['write', 'remove-at-end', 'run']);
    expect(steps[0]).toMatchObject({ content: code });
    expect(onlyArgv(plan).some((word) => word.length > 1000)).toBe(false);
  }
});

test('our Python folder comes after the user’s own', () => {
  expect(python.environ(context())).toEqual({ PYTHONPATH: '/v/drivers/python' });
  const withPath = context({ environ: { PYTHONPATH: '/home/work/lib' } });
  expect(python.environ(withPath)).toEqual({ PYTHONPATH: '/home/work/lib:/v/drivers/python' });
});

test('the shell driver starts without the variables that would disturb its Node, and is told them', () => {
  const environ = { NODE_OPTIONS: '--bogus', OPENSSL_CONF: '/x', LD_PRELOAD: '/x.so', HOME: '/home/work' };
  expect(shell.query.start(context({ environ }))).toMatchObject({
    argv: [
      '/v/node',
      expect.stringMatching(/^--/),
      '/v/drivers/shell_driver.cjs',
      '=/usr/bin/tool',
      '={"NODE_OPTIONS":"--bogus","OPENSSL_CONF":"/x","LD_PRELOAD":"/x.so"}',
    ],
    environ: { NODE_OPTIONS: '', OPENSSL_CONF: '', LD_PRELOAD: '' },
  });
});

test('app warns and succeeds where it has nothing of its own to do', () => {
  for (const plan of [app.build(), app.exec()]) {
    expect(plan).toMatchObject({ kind: 'nothing', exitCode: 0, message: expect.stringContaining('kernelet: ') });
  }
});

test('a batch exec runs in batch mode', () => {
  for (const type of ['python', 'nodejs', 'shell', 'c', 'cpp']) {
    const plan = resolveRuntime(type).runtime.exec(context());
    expect(plan).toMatchObject({ steps: [{ main: true, command: { environ: { _BACKEND_BATCH_MODE: '1' } } }] });
  }
});
