/**
 * The program between the runner and a Jupyter kernel: a driver (`driver-protocol.ts`) whose interpreter is the kernel. It runs
 * with the tenant's ids and not in the runner, so that nothing of what a kernel sends is read by root, and a runner without
 * one is no larger.
 */
import { Socket } from 'node:net';
import { tenantEnviron } from '../runtimes/volume-driver.ts';
import { Driver, lineOf } from './driver.ts';
import { type KernelChoice, noKernel } from './kernel-choice.ts';
import { chooseKernelspec, readKernelspecs } from './kernelspecs.ts';

/** Which kernel is to be started; written by the runner as JSON. */
export interface JupyterTask {
  readonly choice: KernelChoice;
  /** Those that may hold kernelspecs. */
  readonly folders: readonly string[];
}

/** Finds the kernel, starts it and serves until one side ends. */
export async function driveKernel([task = '']: readonly string[]): Promise<void> {
  const { choice, folders } = JSON.parse(task) as JupyterTask;
  const specs = readKernelspecs(folders);
  const spec = chooseKernelspec(specs, choice);
  const runner = new Socket({ fd: 3, readable: true, writable: true });
  if (!spec) {
    const names = specs.map(({ name }) => name);
    runner.end(lineOf(noKernel(choice, names)));
    return;
  }
  // By the last one Python's kernel sees that its starter is gone.
  const ours = { ...tenantEnviron(process.env), JPY_PARENT_PID: String(process.pid) };
  await new Driver(runner, spec, ours).serve();
}
