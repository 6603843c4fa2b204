/** The driver of the image's own Jupyter kernels: a program of the runner's that runs with the tenant's ids. */
import { dirname } from 'node:path';
import { nodeCommand } from '../../lib/node-process.ts';
import { dataFolders, type KernelChoice, noKernel } from '../jupyter/kernel-choice.ts';
import type { JupyterTask } from '../jupyter/main.ts';
import type { DriverCommand, RuntimeContext } from '../runtime.ts';
import { smallNodeFlags, volumePaths } from '../volume-paths.ts';
import { driverEnviron } from './volume-driver.ts';

/** Few images have any kernelspec, so that is looked for before a Node is started. `$1` what is said else, `$2` folders, `--`, Node. */
const ifAnyKernelspec = `none=$1
shift
found=
while [ "$1" != -- ]; do
  for file in "$1"/kernels/*/kernel.json; do if [ -f "$file" ]; then found=1; fi; done
  shift
done
shift
if [ -n "$found" ]; then exec "$@"; fi
printf '%s\\n' "$none" >&3`;

/** The command that finds the kernel and starts it; `environ`: what the runtime adds to the tenant's environment. */
export function jupyterDriver(
  choice: KernelChoice,
  context: RuntimeContext,
  environ: Readonly<Record<string, string>>,
): DriverCommand {
  // /opt/conda/bin/R: what belongs to it is below /opt/conda.
  const prefixes = context.tool === null ? [] : [dirname(dirname(context.tool))];
  const folders = dataFolders({ ...context.environ, ...environ }, prefixes);
  const task: JupyterTask = { choice, folders };
  const driver = nodeCommand(context.volumeNode, {
    file: volumePaths.runner,
    flags: [...smallNodeFlags, '--scavenger-max-new-space-capacity-mb=1', '--expose-gc'],
    args: ['jupyter-driver', JSON.stringify(task)],
  });
  const none = JSON.stringify(noKernel(choice, []));
  return {
    argv: [context.volumeShell, '-c', ifAnyKernelspec, 'kernelet', none, ...folders, '--', ...driver],
    environ: driverEnviron(context),
  };
}
