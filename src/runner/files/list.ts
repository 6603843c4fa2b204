/** The request `list-files` (spec kernel-runner 20). */
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { Tenant } from '../tenant.ts';
import { homePath } from './home-path.ts';
import { startFileWorker } from './worker-process.ts';

const maxAtOnce = 4;
let running = 0;

/** Lists a folder of the home, from the entry with this index on. Throws FORBIDDEN_PATH, FILE_NOT_FOUND, FILE_ERROR, OVERLOADED. */
export async function listFiles(tenant: Tenant, clock: Clock, path: string, from: number): Promise<unknown> {
  homePath(path, tenant.home);
  if (running >= maxAtOnce) throw new KerneletError('OVERLOADED', `${maxAtOnce} folders are being listed already`);
  running += 1;
  try {
    using worker = startFileWorker(tenant, clock, ['list', tenant.home, path, String(from)]);
    return await worker.report();
  } finally {
    running -= 1;
  }
}
