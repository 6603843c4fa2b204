import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { RuntimeContext } from '../runtime.ts';
import { jupyterDriver } from './jupyter-driver.ts';
import { tenantEnviron } from './volume-driver.ts';

const context = (environ: Readonly<Record<string, string>>): RuntimeContext => ({
  ...{ tool: '/opt/lang/bin/R', home: '/home/work', environ, drivers: '/v/drivers', volumeShell: '/bin/sh' },
  ...{ volumeNode: '/bin/echo', temporaryPath: () => '', which: () => null, folders: () => [] },
});

/** What the command says on its standard output, where it puts its Node's, and on descriptor 3. */
function run(folder: string): { readonly stdout: string; readonly events: string } {
  const { argv } = jupyterDriver({ language: 'r' }, context({ JUPYTER_PATH: folder }), {});
  const [shell = '', ...args] = argv;
  const done = spawnSync(shell, args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'], encoding: 'utf8' });
  return { stdout: done.stdout, events: String(done.output[3]) };
}

it('where there is no kernelspec no Node is started', () => {
  const folder = mkdtempSync(join(tmpdir(), "kernelet jupyter's "));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'kernels/ir'), { recursive: true });
  expect(run(folder)).toEqual({
    stdout: '',
    events: '{"ev":"unable","isMissing":true,"reason":"this image has no Jupyter kernel of r; it has none"}\n',
  });
  writeFileSync(join(folder, 'kernels/ir/kernel.json'), '{}');
  expect(run(folder)).toEqual({ stdout: expect.stringContaining('=jupyter-driver'), events: '' });
});

it('the driver is told where kernelspecs may be, and what its Node was not started with', () => {
  const command = jupyterDriver(
    { language: 'r' },
    context({ HOME: '/home/work', PATH: '/bin', NODE_OPTIONS: '--bogus', LD_PRELOAD: '/x.so' }),
    { PATH: '/opt/julia/bin:/bin' },
  );
  const told = {
    NODE_OPTIONS: '',
    LD_PRELOAD: '',
    KERNELET_WITHHELD: '{"NODE_OPTIONS":"--bogus","LD_PRELOAD":"/x.so"}',
  };
  expect(command.environ).toEqual(told);
  const others = { HOME: '/home/work', JPY: '1' };
  expect(tenantEnviron({ ...others, ...told })).toEqual({ ...others, NODE_OPTIONS: '--bogus', LD_PRELOAD: '/x.so' });
  expect(tenantEnviron(others)).toEqual(others);
  expect(JSON.parse(command.argv.at(-1)?.slice(1) ?? '')).toEqual({
    choice: { language: 'r' },
    folders: [
      '/home/work/.local/share/jupyter',
      '/opt/lang/share/jupyter',
      '/opt/julia/share/jupyter',
      '/share/jupyter',
      '/usr/local/share/jupyter',
      '/usr/share/jupyter',
    ],
  });
});
