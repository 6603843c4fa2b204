/**
 * The disk of a simulated machine: each call takes its time and has its effect when it ends. It may stall, or be full. A process
 * that is killed leaves each call that is under way done or not done.
 */
import type { SeededRandom } from '../../support/random.ts';
import type { Inode } from './inode.ts';
import { MemoryFiles, type OpenFile, systemError } from './memory-files.ts';
import type { Owner, Timeline } from './timeline.ts';

/** A call that has begun and has had no effect yet. */
interface Call {
  readonly owner: Owner;
  readonly effect: () => void;
}

/** What processes have open, and what they wait for. */
export class Disk {
  readonly files: MemoryFiles;
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly #calls = new Set<Call>();
  readonly #open = new Map<number, { readonly owner: Owner; readonly file: OpenFile }>();
  /** By whom files are locked: a descriptor. */
  readonly #locks = new Map<Inode, number>();
  #isStalled = false;
  /** What is to go on when it does. */
  readonly #held: (() => void)[] = [];
  #lastDescriptor = 20;

  constructor(timeline: Timeline, random: SeededRandom, epochMs: number) {
    this.#timeline = timeline;
    this.#random = random;
    this.files = new MemoryFiles(() => epochMs + timeline.now);
  }

  /** From here on no call ends. */
  stall(): void {
    this.#isStalled = true;
  }

  /** Ends a stall: what has waited ends in a moment. */
  goOn(): void {
    this.#isStalled = false;
    for (const resume of this.#held.splice(0)) resume();
  }

  /** Calls end again, and there is space. */
  heal(): void {
    this.goOn();
    this.files.empty();
  }

  /** Does something for the process whose turn it is, and resolves in it when the disk has done it. */
  call<T>(effect: () => T): Promise<T> {
    const owner = this.#timeline.current;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const call: Call = { owner, effect };
    this.#calls.add(call);
    const end = (): void => {
      if (this.#isStalled) {
        this.#held.push(() => this.#timeline.schedule(this.#delayMs(), owner, end));
        return;
      }
      this.#calls.delete(call);
      try {
        resolve(effect());
      } catch (error) {
        reject(error);
      }
    };
    this.#timeline.schedule(this.#delayMs(), owner, end);
    return promise;
  }

  /** What is left of a killed process: its calls under way are done or not, its files are closed and their locks gone. */
  kill(owner: Owner): void {
    for (const call of [...this.#calls]) {
      if (call.owner !== owner) continue;
      this.#calls.delete(call);
      if (this.#random.fraction() < 0.5) continue;
      try {
        call.effect();
      } catch {
        // Nobody hears of it.
      }
    }
    for (const [descriptor, open] of [...this.#open]) if (open.owner === owner) this.close(descriptor);
  }

  /** What was not synced is lost, in part or in whole. No process may be left that has anything open. */
  losePower(): void {
    this.files.durability.lose((options) => this.#random.between(0, options - 1));
  }

  /** The paths of the files that a process has open. */
  openOf(owner: Owner): readonly string[] {
    return [...this.#open.values()].filter((open) => open.owner === owner).map(({ file }) => file.path);
  }

  opened(file: OpenFile): number {
    this.#lastDescriptor += 1;
    this.#open.set(this.#lastDescriptor, { owner: this.#timeline.current, file });
    return this.#lastDescriptor;
  }

  /** The open file of a descriptor. Throws EBADF. */
  file(descriptor: number): OpenFile {
    const open = this.#open.get(descriptor);
    if (!open) throw systemError('EBADF', 'fd');
    return open.file;
  }

  readonly inodeOf = (descriptor: number): Inode => this.file(descriptor).inode;

  close(descriptor: number): void {
    if (!this.#open.delete(descriptor)) throw systemError('EBADF', 'close');
    for (const [inode, holder] of this.#locks) if (holder === descriptor) this.#locks.delete(inode);
  }

  /** Locks an open file, unless another has. */
  lock(descriptor: number): boolean {
    const inode = this.inodeOf(descriptor);
    if (this.#locks.has(inode)) return false;
    this.#locks.set(inode, descriptor);
    return true;
  }

  #delayMs(): number {
    const draw = this.#random.fraction();
    // Most calls meet the page cache, some a sync of somebody else.
    return draw < 0.95 ? 0.02 + draw * 0.4 : 1 + (draw - 0.95) * 400;
  }
}
