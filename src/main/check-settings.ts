/**
 * What a daemon refuses of its settings beside their form, before it makes anything: `serve` and `config validate` ask
 * this, so that the one accepts what the other does. What may be mended while the daemon waits is not refused here.
 */
import { memberChecks } from '../backendai/index.ts';
import type { Settings } from '../config/settings.ts';
import { readHostCapacity } from '../devices/host-capacity.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import { checkBackend } from './engine-backends.ts';

/** Everything that is refused: INVALID_CONFIG, or ENGINE_UNSUPPORTED for an engine that is not on this machine. */
export async function refusedSettings(settings: Settings): Promise<readonly KerneletError[]> {
  const errors: KerneletError[] = [];
  const check = async (run: () => unknown): Promise<void> => {
    try {
      await run();
    } catch (error) {
      errors.push(toKerneletError(error));
    }
  };
  await check(() => checkBackend(settings));
  if (settings.mode === 'cluster') {
    for (const readsFile of await memberChecks(settings)) await check(readsFile);
    await check(() => checkReservation(settings));
  }
  return errors;
}

/** A member offers what it does not keep back; alone, a node keeps nothing back. Throws INVALID_CONFIG. */
async function checkReservation({ resource }: Settings): Promise<void> {
  const { cpus, memoryBytes } = await readHostCapacity();
  const offered = [
    ['resource.reserved-cpu', Math.floor(cpus) * resource.cpuOvercommitFactor - resource.reservedCpus],
    ['resource.reserved-mem', memoryBytes * resource.memoryOvercommitFactor - resource.reservedMemoryBytes],
  ] as const;
  for (const [key, left] of offered) {
    if (left > 0) continue;
    const text = `${key} keeps back all that this machine has, so that nothing is left for kernels: lower it`;
    throw new KerneletError('INVALID_CONFIG', text, { context: { key } });
  }
}
