import { expect, it } from 'vitest';
import { kernelCommand } from './kernel-command.ts';

const spec = (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => ({
  ...{
    name: 'a',
    folder: '/opt/lang/share/jupyter/kernels/a',
    argv,
    env,
    language: '',
    interruptMode: 'signal' as const,
  },
});

it('names the files that the kernelspec means, and takes variables from the environment', () => {
  const command = kernelCommand(
    spec(['R', '-f={connection_file}', '{resource_dir}/x', '{prefix}', '{other}'], {
      PATH: '/mine:${PATH}',
      B: '${NONE}',
    }),
    '/tmp/c.json',
    { PATH: '/bin', HOME: '/h' },
    () => null,
  );
  expect(command).toEqual({
    argv: ['R', '-f=/tmp/c.json', '/opt/lang/share/jupyter/kernels/a/x', '/opt/lang', '{other}'],
    environ: { PATH: '/mine:/bin', HOME: '/h', B: '${NONE}' },
  });
});

it.each([
  [['/opt/lang/bin/python', '/usr/bin/python'], '/opt/lang/bin/python'],
  [['/usr/bin/python'], '/usr/bin/python'],
  [['/usr/bin/python3'], '/usr/bin/python3'],
  [[], 'python'],
])('python is the one that it was installed with, else one on PATH (%j)', (there, expected) => {
  const which = (program: string) => there.find((path) => path === program || path === `/usr/bin/${program}`) ?? null;
  expect(kernelCommand(spec(['python', '-m', 'x']), '/c', {}, which).argv).toEqual([expected, '-m', 'x']);
});
