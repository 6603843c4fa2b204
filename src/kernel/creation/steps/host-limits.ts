/**
 * The limits of a kernel that this host keeps and no engine: sees that the container has the limited home, and limits its
 * network. Side by side with the wait for the runner, so that both hold before anybody is served.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../../engine/engine.ts';
import { KerneletError } from '../../../lib/errors.ts';
import type { Bandwidth } from '../../../network/bandwidth.ts';
import { isHomeMounted } from '../../../storage/home-disk.ts';
import type { ScratchFolders } from '../../../storage/scratch.ts';
import type { KernelRecord } from '../../record.ts';
import type { CreationStep } from '../step.ts';

/** What the step works with. */
export interface HostLimitsParts {
  readonly engine: Engine;
  readonly scratch: ScratchFolders;
  readonly bandwidth: Pick<Bandwidth, 'limit' | 'remove'>;
  /** Where the engine's processes are seen, such as `/proc`; null = its containers have none. */
  readonly processRoot: string | null;
}

/** Asks nobody for anything where a kernel has neither limit. Throws NOT_SUPPORTED. */
export function hostLimitsStep({ engine, scratch, bandwidth, processRoot }: HostLimitsParts): CreationStep {
  const apply: CreationStep['apply'] = async ({ spec, containerId }, deadline) => {
    const { homeBytes, bitsPerSecond } = spec.limits;
    if ((homeBytes === null && bitsPerSecond === null) || containerId === null || processRoot === null) return {};
    const detail = await engine.inspectContainer(containerId, deadline.signal);
    // Why it has ended is said by the step that waits for its runner.
    if (!detail || detail.pid <= 0) return {};
    if (homeBytes !== null) await assertSeen(scratch.paths(spec.id), join(processRoot, String(detail.pid)));
    if (bitsPerSecond === null) return {};
    await bandwidth.limit(spec.id, detail.pid, bitsPerSecond, deadline).catch(async (thrown: unknown) => {
      // One that has ended meanwhile has no network left to be limited.
      const now = await engine.inspectContainer(containerId, deadline.signal).catch(() => detail);
      if ((now?.pid ?? 0) > 0) throw thrown;
    });
    return {};
  };
  return {
    name: 'host-limits',
    scope: 'generation',
    deadlineMs: 30_000,
    apply,
    async revert({ spec, unrecordedSince }, deadline) {
      if (spec.limits.bitsPerSecond !== null) await bandwidth.remove(spec.id, deadline);
      // One that is unrecorded may have had a limit; on a machine without the programs it had none.
      else if (unrecordedSince !== null) await bandwidth.remove(spec.id, deadline).catch(() => {});
    },
    limits: true,
    async adopt(record: KernelRecord, deadline) {
      if (record.phase === 'running') await apply(record, deadline);
    },
  };
}

/** An engine that has mounts of its own binds the folder below the image, which has no limit. Throws NOT_SUPPORTED. */
async function assertSeen(paths: { readonly root: string; readonly work: string }, processFolder: string) {
  const mounts = await readFile(join(processFolder, 'mountinfo'), 'utf8').catch(() => '');
  // A container that has just ended has none.
  if (mounts === '') return;
  const { dev } = await stat(paths.work);
  if ((await isHomeMounted(paths.root)) && mounts.includes(` ${deviceNumbers(dev)} `)) return;
  throw new KerneletError(
    'NOT_SUPPORTED',
    'the home cannot be limited: the engine does not see what the agent mounts; run both in one mount namespace',
  );
}

/** As the table of mounts names a device: `7:3`. */
function deviceNumbers(dev: number): string {
  const number = BigInt(dev);
  const [major, minor] = [(number >> 8n) & 0xfffn, (number & 0xffn) | ((number >> 12n) & 0xfff00n)];
  return `${major}:${minor}`;
}
