/**
 * What a state folder's files are told, in order and off the event loop: a disk that hangs holds up those who wait for it,
 * and nobody else. Lines of logs go through one queue, one after the other; other writes come after the lines that were
 * queued before them. So files never tell of an effect whose line is missing, whenever the process ends.
 *
 * A write for which there is no room is done again once the ballast has been given up for it. A line that finds no room even
 * then waits for it, and with it what comes after it, as on a disk that hangs.
 */
import { type Clock, systemClock } from './clock.ts';
import { withDeadline } from './deadline.ts';
import { isDiskFull } from './disk-space.ts';
import { KerneletError } from './errors.ts';
import { Backoff } from './retry.ts';
import { Semaphore } from './semaphore.ts';

/** A write that takes longer has met a disk that hangs; one that is merely busy takes some hundred milliseconds. */
const stalledMs = 3_000;
/** What may wait for a disk. What comes beyond that is refused, as by a disk that is full. */
const maxWaitingBytes = 16 * 1024 * 1024;
const maxWaiting = 20_000;
/** Writes of other files that go on at once. */
const besideTheQueue = 4;
/** How often it is tried whether there is room again. */
const roomPauses = { initialMs: 200, maximumMs: 5_000, jitter: 0 };

/** Tests hand in a clock of theirs and a smaller queue. */
export interface StateWritesOptions {
  readonly clock?: Clock;
  readonly maxWaitingBytes?: number;
  /** Gives room when there is none: none is kept when absent. */
  readonly ballast?: { giveUp(): Promise<void> };
}

/** How a write of another file is done. */
export interface WriteOptions {
  /** Whether it fails on a full disk rather than cost the ballast: nothing has been begun that it would be the record of. */
  readonly sparesBallast?: boolean;
}

/** The sync of a file that is under way, or its last one; and the one after it that covers what was written meanwhile. */
interface Syncs {
  last: Promise<void>;
  next: Promise<void> | null;
}

/** The writes of one state folder. */
export class StateWrites {
  readonly #clock: Clock;
  readonly #maxBytes: number;
  /** When each write that is under way began, the oldest first. */
  readonly #underWay = new Map<symbol, number>();
  /** Of each file that is synced. */
  readonly #syncs = new Map<object, Syncs>();
  /** A hung disk holds a thread of this process for each write that has begun: it must not get all of them. */
  readonly #beside: Semaphore;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  #waitingBytes = 0;
  readonly #ballast: StateWritesOptions['ballast'];
  #isFull = false;

  constructor({ clock = systemClock, maxWaitingBytes: maxBytes = maxWaitingBytes, ballast }: StateWritesOptions = {}) {
    this.#clock = clock;
    this.#ballast = ballast;
    this.#maxBytes = maxBytes;
    this.#beside = new Semaphore(besideTheQueue);
  }

  /** Whether the disk hangs, as far as somebody has a write to know it by. */
  get stalled(): boolean {
    const [oldest] = this.#underWay.values();
    return oldest !== undefined && this.#clock.monotonic() - oldest >= stalledMs;
  }

  /** Whether a line waits for room on the disk. */
  get full(): boolean {
    return this.#isFull;
  }

  /** Throws STATE_UNUSABLE while the disk hangs or is full: before work is begun that would wait for it. */
  assertWritable(): void {
    if (this.full) throw new KerneletError('STATE_UNUSABLE', 'the disk of the state folder is full');
    if (this.stalled) throw new KerneletError('STATE_UNUSABLE', 'the disk of the state folder is stalled');
  }

  /**
   * Runs a write after those that are queued, and before those that come; rejects as it does, but for want of room: then it is
   * run again, so it must be one that can be. `bytes`: what waiting for it costs. Throws STATE_UNUSABLE, and writes nothing, when
   * too much waits already.
   */
  async append(bytes: number, write: () => Promise<void>): Promise<void> {
    if (this.#waiting >= maxWaiting || this.#waitingBytes + bytes > this.#maxBytes) {
      throw new KerneletError('STATE_UNUSABLE', `${this.#waiting} writes wait for the disk of the state folder`);
    }
    this.#waiting += 1;
    this.#waitingBytes += bytes;
    const written = this.#last.then(() => this.#onceThereIsRoom(write));
    const done = (): void => {
      this.#waiting -= 1;
      this.#waitingBytes -= bytes;
    };
    this.#last = written.then(done, done);
    await written;
  }

  /**
   * Syncs what was appended by now to a file, beside the queue: one sync of it at a time, and one for all who ask while another is
   * under way. Resolves when that has ended, also when it failed, of which `failed` is told. What must follow it is written by
   * `afterSync`.
   */
  sync(file: object, sync: () => Promise<void>, failed: (error: unknown) => void): Promise<void> {
    const syncs = this.#syncs.get(file) ?? { last: Promise.resolve(), next: null };
    this.#syncs.set(file, syncs);
    syncs.next ??= syncs.last.then(() => {
      syncs.next = null;
      syncs.last = this.#watch(sync).catch(failed);
      return syncs.last;
    });
    return syncs.next;
  }

  /** Runs a write of another file when everything that is queued by now has been written, or was refused. */
  async after<T>(write: () => Promise<T>, { sparesBallast = false }: WriteOptions = {}): Promise<T> {
    await this.#last;
    return await this.#besideQueue(() => (sparesBallast ? this.#watch(write) : this.#withBallast(write)));
  }

  /** The same when it has been synced too, where it is synced: for what takes away that from which it could be told again. */
  async afterSync<T>(write: () => Promise<T>): Promise<T> {
    await this.synced();
    return await this.#besideQueue(() => this.#withBallast(write));
  }

  /** Resolves when everything that is queued by now has been written, and synced where it is, or was refused. */
  async synced(): Promise<void> {
    await this.#last;
    await Promise.all([...this.#syncs.values()].map(({ last, next }) => next ?? last));
  }

  /** The same, at the latest after so long; false: it is not so by then. */
  async settled(timeoutMs: number): Promise<boolean> {
    const options = { what: 'the writes of the state folder', timeoutMs, clock: this.#clock };
    return await withDeadline(options, () => this.synced()).then(
      () => true,
      () => false,
    );
  }

  async #besideQueue<T>(write: () => Promise<T>): Promise<T> {
    using _place = await this.#beside.acquire();
    return await write();
  }

  async #onceThereIsRoom(write: () => Promise<void>): Promise<void> {
    const backoff = new Backoff({ ...roomPauses, clock: this.#clock });
    for (;;) {
      try {
        await this.#withBallast(write);
        this.#isFull = false;
        return;
      } catch (error) {
        this.#isFull = isDiskFull(error);
        if (!this.#isFull) throw error;
      }
      // A process that ends does not wait for room.
      await new Promise<void>((resolve) => this.#clock.after(backoff.nextMs(), resolve).unref());
    }
  }

  /** Another may have given it up in between, so that the write is done again in any case. */
  async #withBallast<T>(write: () => Promise<T>): Promise<T> {
    const ballast = this.#ballast;
    try {
      return await this.#watch(write);
    } catch (error) {
      if (!ballast || !isDiskFull(error)) throw error;
      await this.#watch(() => ballast.giveUp()).catch(() => {});
      return await this.#watch(write);
    }
  }

  async #watch<T>(write: () => Promise<T>): Promise<T> {
    const key = Symbol();
    this.#underWay.set(key, this.#clock.monotonic());
    try {
      return await write();
    } finally {
      this.#underWay.delete(key);
    }
  }
}
