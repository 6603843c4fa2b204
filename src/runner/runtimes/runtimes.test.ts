import { expect, test } from 'vitest';
import { runtimeTable } from '../../protocol/runtimes.ts';
import type { Plan, RuntimeContext } from '../runtime.ts';
import { resolveRuntime } from './index.ts';
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
  folders: () => [],
  ...over,
});

/** The arguments of a plan's only process. */
function onlyArgv(plan: Plan): readonly string[] {
  const runs = plan.kind === 'steps' ? plan.steps.filter((step) => step.do === 'run') : [];
  expect(runs.map((run) => run.main)).toEqual([true]);
  return runs[0]?.command.argv ?? [];
}

test('every type of the table has a runtime', async () => {
  for (const { type } of runtimeTable) {
    expect(await resolveRuntime(type)).toMatchObject({ runtime: { type }, warning: null });
  }
});

test.each(['fortran\n', 'toString'])('the unknown type %j falls back to app with a warning', async (type) => {
  const { runtime, warning } = await resolveRuntime(type);
  expect(runtime.type).toBe('app');
  expect(warning).toContain(JSON.stringify(type));
});

test('every language says with 127 that the image has none of it, whatever is asked', async () => {
  const without = context({ tool: null });
  for (const { type, languages } of runtimeTable.filter((info) => info.languages.length > 0)) {
    const { runtime } = await resolveRuntime(type);
    const plans = (['code', 'file', 'stdin'] as const).map((from) =>
      runtime.program({ from, code: '1', path: 'x' }, [], without),
    );
    if (runtime.query.by !== 'driver') plans.push(runtime.query.plan('1', without));
    else expect(runtime.query.start(without)).toEqual({ unable: expect.stringContaining('this image has no') });
    for (const plan of plans) {
      const message = expect.stringMatching(/^kernelet: this image has no /);
      expect({ languages, ...plan }).toEqual({ languages, kind: 'nothing', exitCode: 127, message });
    }
  }
});

test.each([
  ['r', { language: 'r', nameHas: 'ir' }],
  ['julia', { language: 'julia', nameHas: 'julia' }],
  ['golang', { language: 'go' }],
  ['cpp', { language: 'c++' }],
  ['octave', { language: 'octave' }],
  ['jupyter:xcpp17', { name: 'xcpp17' }],
])('queries of %s are answered by the Jupyter kernel %j, where the image has it', async (type, kernel) => {
  const { runtime, warning } = await resolveRuntime(type);
  expect(runtime).toMatchObject({ type, query: { by: 'jupyter', kernel } });
  expect(warning).toBe(null);
});

test.each(['jupyter:', 'jupyter:a/b', 'jupyter:a b'])('%j is no runtime', async (type) => {
  expect((await resolveRuntime(type)).warning).toContain('unknown runtime type');
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
] as const)('%s runs %j like its own command', async (type, source, expected) => {
  const plan = (await resolveRuntime(type)).runtime.program(source, ['a', '-b'], context());
  expect(onlyArgv(plan)).toEqual(['/usr/bin/tool', ...expected]);
});

test.each(['python', 'nodejs', 'shell'])('%s code that is no possible argument goes through a file', async (type) => {
  for (const code of ['x'.repeat(140_000), 'a\0b']) {
    const plan = (await resolveRuntime(type)).runtime.program({ from: 'code', code }, ['a'], context());
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

test('the shell driver starts without the variables that would disturb its Node, and is told them by none of its arguments', () => {
  const environ = { NODE_OPTIONS: '--bogus', OPENSSL_CONF: '/x', LD_PRELOAD: '/x.so', HOME: '/home/work' };
  expect(shell.query.start(context({ environ }))).toMatchObject({
    argv: ['/v/node', expect.stringMatching(/^--/), '/v/drivers/shell_driver.cjs', '=/usr/bin/tool'],
    environ: {
      ...{ NODE_OPTIONS: '', OPENSSL_CONF: '', LD_PRELOAD: '' },
      KERNELET_WITHHELD: '{"NODE_OPTIONS":"--bogus","OPENSSL_CONF":"/x","LD_PRELOAD":"/x.so"}',
    },
  });
});

test('app warns and succeeds where it has nothing of its own to do', () => {
  for (const plan of [app.build(), app.exec()]) {
    expect(plan).toMatchObject({ kind: 'nothing', exitCode: 0, message: expect.stringContaining('kernelet: ') });
  }
});

test('a batch exec of every language runs in batch mode', async () => {
  const everything = context({ which: (program) => `/usr/bin/${program}` });
  for (const { type, languages } of runtimeTable) {
    const plan = (await resolveRuntime(type)).runtime.exec(everything);
    const steps = plan.kind === 'steps' ? plan.steps : [];
    const modes = steps.flatMap((step) => (step.do === 'run' && step.main ? [step.command.environ] : []));
    expect({ type, modes }).toEqual({
      type,
      modes: languages.length > 0 ? [{ _BACKEND_BATCH_MODE: '1' }] : expect.anything(),
    });
  }
});
