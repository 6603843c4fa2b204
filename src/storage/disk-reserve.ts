/**
 * The space that stays free for the node itself: below it no kernel is made any more, since tenants write to the same file
 * system as the journal and the outbox. When kernels that are there have taken it too, the ballast is left (`ballast.ts`). What is
 * free is looked at one look at a time, so that a disk that hangs holds one thread and no request.
 */
import { describeByteSize } from '../lib/byte-size.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { type FreeSpace, freeSpaceOf, type ReservedSpace, reservedBytes } from '../lib/disk-space.ts';
import { KerneletError } from '../lib/errors.ts';

/** Which folders, how much, and how it is found out. */
export interface DiskReserveParts {
  readonly folders: readonly string[];
  readonly reserved: ReservedSpace;
  readonly space?: (folder: string) => Promise<FreeSpace>;
  readonly clock: Clock;
}

interface Shortage extends FreeSpace {
  readonly folder: string;
}

const lookMs = 1_000;
/** How long a look counts for what is only shown. */
const freshMs = 5_000;

/** Watches the space of the folders of a node. */
export class DiskReserve {
  readonly #parts: DiskReserveParts;
  #look: Promise<Shortage | null> | null = null;
  #shortage: Shortage | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(parts: DiskReserveParts) {
    this.#parts = parts;
  }

  /** Whether less is free than is reserved, as of a look that is seconds old; the last one where the disk doesn't say. */
  async isShort(): Promise<boolean> {
    if (this.#parts.clock.monotonic() - this.#lookedAt > freshMs) await this.#lookSoon().catch(() => {});
    return this.#shortage !== null;
  }

  /** Throws INSUFFICIENT_RESOURCES while less is free than is reserved. A disk that doesn't say so is no reason. */
  async assertFree(): Promise<void> {
    const { reserved } = this.#parts;
    const shortage = await this.#lookSoon().catch(() => null);
    if (!shortage) return;
    const { folder, free, total } = shortage;
    const kept = describeByteSize(reservedBytes(reserved, total));
    const text = `the disk is nearly full: ${describeByteSize(free)} are free below ${folder}, and ${kept} of it are kept for the node (kernelet.disk-reserve)`;
    throw new KerneletError('INSUFFICIENT_RESOURCES', text, { context: { resource: 'disk', folder, free } });
  }

  async #lookSoon(): Promise<Shortage | null> {
    const options = { what: 'the free space of the disk', timeoutMs: lookMs, clock: this.#parts.clock };
    return await withDeadline(options, () => this.#lookOnce());
  }

  #lookOnce(): Promise<Shortage | null> {
    this.#look ??= this.#compare().finally(() => {
      this.#look = null;
    });
    return this.#look;
  }

  async #compare(): Promise<Shortage | null> {
    const { folders, reserved, space = freeSpaceOf, clock } = this.#parts;
    let shortage: Shortage | null = null;
    for (const folder of folders) {
      const { free, total } = await space(folder);
      if (free < reservedBytes(reserved, total)) shortage ??= { folder, free, total };
    }
    this.#lookedAt = clock.monotonic();
    this.#shortage = shortage;
    return shortage;
  }
}
