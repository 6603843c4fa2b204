/**
 * Keeps everything away from an engine that is not the one that has the kernels: there every container is absent, and an
 * end that is concluded from that costs its kernel the files. It is asked before absence means anything, and by whoever
 * would make, end or remove a thing.
 */
import { randomBytes } from 'node:crypto';
import type { Engine, EngineInfo } from '../../engine/engine.ts';
import type { Clock } from '../../lib/clock.ts';
import { hasCode, KerneletError } from '../../lib/errors.ts';
import type { ContainerId, KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import { KeyedMutex } from '../../lib/semaphore.ts';
import type { ScratchFolders } from '../../storage/scratch.ts';
import type { KernelRecord } from '../record.ts';
import {
  type EngineIdentity,
  encodeEngineIdentity,
  judgeEngine,
  otherEngineText,
  readEngineIdentity,
  removeEngineIdentity,
  writeEngineIdentity,
} from './engine-identity.ts';

/** What the guard works with. */
export interface EngineIdentityGuardParts {
  readonly engine: Engine;
  /** Where what is known of the engine is stored. */
  readonly file: string;
  /** The name of the mark among the engine's data. */
  readonly markName: string;
  /** Whether there is to be a mark; not for kernels that end with the process. */
  readonly marks: boolean;
  readonly scratch: Pick<ScratchFolders, 'list'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is seen at one moment. */
export interface EngineSight {
  /** Containers that the engine lists and that are provably ours. */
  readonly listed: ReadonlySet<ContainerId>;
  /** The kernels that are recorded. */
  readonly recorded: readonly Pick<KernelRecord, 'spec' | 'phase' | 'generation' | 'containerId'>[];
}

/** How long a mark that was seen is taken to be there: somebody may remove what nothing uses. */
const markAgeMs = 60_000;

const endings: ReadonlySet<KernelRecord['phase']> = new Set(['terminating', 'terminated']);

/** Whether a kernel has had no container yet: then it can lose nothing. One that is being restarted has its files. */
const isBegun = ({ containerId, generation }: EngineSight['recorded'][number]): boolean =>
  containerId === null && generation === 1;

/** Lets nothing be done while another engine answers than the one that is known. */
export class EngineIdentityGuard {
  readonly #parts: EngineIdentityGuardParts;
  #known: EngineIdentity | null = null;
  #isRead = false;
  #problem: KerneletError | null = null;
  #trusted = false;
  #markSeenAt: number | null = null;
  #info: EngineInfo | null = null;
  /** An engine is not compared while it is being accepted. */
  readonly #order = new KeyedMutex<'engine'>();

  constructor(parts: EngineIdentityGuardParts) {
    this.#parts = parts;
  }

  /** Why nothing may be done, when another engine answers: ENGINE_CHANGED. Else null. */
  get problem(): KerneletError | null {
    return this.#problem;
  }

  /** What the engine said of itself when it was asked last; null: it has not been. */
  get info(): EngineInfo | null {
    return this.#info;
  }

  /** Whether the engine was found to be the one that has the kernels, when it was looked at last. */
  get trusted(): boolean {
    return this.#trusted;
  }

  /**
   * Whether that was so a short while ago, and it has been connected since. Whoever asks an idle engine before each creation
   * makes creations slower by a call.
   */
  get isFresh(): boolean {
    return this.#trusted && this.#isMarkFresh();
  }

  /** Whether somebody has accepted this engine when that kernel was with another: its container is given up, wherever it runs. */
  gaveUp({ createdAt }: Pick<KernelRecord, 'createdAt'>): boolean {
    const acceptedAt = this.#known?.acceptedAt ?? null;
    return acceptedAt !== null && createdAt <= acceptedAt;
  }

  /** Throws ENGINE_CHANGED when another engine answered last. */
  assertOpen(): void {
    if (this.#problem) throw this.#problem;
  }

  /** Compares the engine with the one that is known. Throws ENGINE_CHANGED, STATE_UNUSABLE, and what the engine throws. */
  check(sight: EngineSight, signal: AbortSignal): Promise<void> {
    return this.#order.run('engine', () => this.#check(sight, signal));
  }

  /** Takes the engine that answers for the kernels' own from now on. Throws STATE_UNUSABLE, and what the engine throws. */
  accept(signal: AbortSignal): Promise<void> {
    return this.#order.run('engine', async () => {
      const { engine, clock, log } = this.#parts;
      const info = await engine.info(signal);
      this.#info = info;
      await this.#adopt(info, signal, clock.now());
      this.#problem = null;
      this.#open();
      const text = 'the engine was accepted: kernels whose containers it does not have are missing';
      log.warn(text, { address: engine.address, dataRoot: info.dataRoot });
    });
  }

  /**
   * Makes sure that an engine which does not know a container is the one that would. Throws ENGINE_CHANGED, and what the
   * engine throws.
   */
  async confirm(signal: AbortSignal): Promise<void> {
    this.assertOpen();
    const { engine } = this.#parts;
    const known = await this.#read();
    if (!known) return;
    const mark = known.mark === null ? null : await engine.readMark(known.markName, signal);
    if (mark !== null && mark === known.mark) return;
    const info = await engine.info(signal);
    if (judgeEngine({ known, info, mark, hasOurs: false, hasContainers: true, atStake: true }) === 'same') return;
    throw new KerneletError('ENGINE_CHANGED', otherEngineText(known, { address: engine.address, ...info }));
  }

  /** Forgets the engine and removes the mark, when nothing is left that could be lost. Never throws: what stays does no harm. */
  async leave(signal: AbortSignal): Promise<void> {
    const { engine, file, markName, marks, log } = this.#parts;
    try {
      if (!this.#trusted || (await this.#hasFolders())) return;
      await removeEngineIdentity(file);
      if (marks) await engine.removeMark(markName, signal);
    } catch (error) {
      log.warn('the mark among the data of the engine could not be removed', { error });
    }
  }

  /** What the engine says or has may be another's from now on. */
  doubt(): void {
    this.#markSeenAt = null;
  }

  /** Of an engine that is proven otherwise, or took no mark, an error is no reason to stop: a proxy may deny all volumes. */
  async #readMark(known: EngineIdentity | null, isProven: boolean, signal: AbortSignal): Promise<string | null> {
    const { engine, markName } = this.#parts;
    return await engine.readMark(markName, signal).catch((error: unknown) => {
      const mark = known?.mark ?? null;
      if ((known && isProven) || (mark === null && hasCode(error, 'ENGINE_FAILED'))) return mark;
      throw error;
    });
  }

  async #check({ listed, recorded }: EngineSight, signal: AbortSignal): Promise<void> {
    const known = await this.#read();
    const hasOurs = recorded.some(({ containerId }) => containerId !== null && listed.has(containerId));
    if (known && hasOurs && this.#isMarkFresh()) return this.#open();
    const { engine, marks } = this.#parts;
    // Of a node without kernels the mark says all, in a tenth of the time that the rest takes.
    if (known?.mark && this.#trusted && recorded.length === 0) {
      const found = await engine.readMark(known.markName, signal).catch(() => null);
      if (found === known.mark) {
        this.#markSeenAt = this.#parts.clock.monotonic();
        return this.#open();
      }
    }
    const [info, mark] = await Promise.all([
      engine.info(signal),
      marks ? this.#readMark(known, hasOurs, signal) : null,
    ]);
    this.#info = info;
    const begun = new Set(recorded.filter(isBegun).map(({ spec }) => spec.id));
    const atStake = recorded.length > begun.size || (await this.#hasFolders(begun));
    // Of a kernel that is being removed the container may be gone already.
    const hasContainers = recorded.some(({ containerId, phase }) => containerId !== null && !endings.has(phase));
    const verdict = judgeEngine({ known, info, mark, hasOurs, hasContainers, atStake });
    if (verdict === 'other') {
      this.#close(new KerneletError('ENGINE_CHANGED', otherEngineText(known, { address: engine.address, ...info })));
      this.assertOpen();
    }
    if (verdict === 'new' || !known) await this.#adopt(info, signal);
    else await this.#refresh(known, info, mark, signal);
    this.#open();
  }

  #open(): void {
    if (this.#problem) this.#parts.log.info('the engine that has the kernels is back');
    this.#problem = null;
    this.#trusted = true;
  }

  #close(problem: KerneletError): void {
    if (this.#problem?.message !== problem.message) this.#parts.log.error(problem.message);
    this.#problem = problem;
    this.#trusted = false;
  }

  #isMarkFresh(): boolean {
    return this.#markSeenAt !== null && this.#parts.clock.monotonic() - this.#markSeenAt < markAgeMs;
  }

  /** A folder without a record may be that of a kernel whose record was put aside. */
  async #hasFolders(but: ReadonlySet<KernelId> = new Set()): Promise<boolean> {
    return (await this.#parts.scratch.list()).some(({ kernel }) => !but.has(kernel));
  }

  /** The same engine may be called or lie somewhere else, and somebody may have removed its mark. */
  async #refresh(known: EngineIdentity, info: EngineInfo, mark: string | null, signal: AbortSignal): Promise<void> {
    const { engine, marks } = this.#parts;
    if (marks && (known.mark === null || mark !== known.mark)) return await this.#adopt(info, signal);
    this.#markSeenAt = this.#parts.clock.monotonic();
    const now = { ...known, address: engine.address, identity: info.identity, dataRoot: info.dataRoot };
    if (encodeEngineIdentity(now) !== encodeEngineIdentity(known)) await this.#store(now);
  }

  async #adopt(
    { identity, dataRoot }: EngineInfo,
    signal: AbortSignal,
    acceptedAt = this.#known?.acceptedAt ?? null,
  ): Promise<void> {
    const { engine, markName, clock } = this.#parts;
    const mark = await this.#leaveMark(signal);
    await this.#store({ version: 1, address: engine.address, identity, dataRoot, markName, mark, acceptedAt });
    this.#markSeenAt = clock.monotonic();
  }

  /** An engine whose disk is full takes none, and kernels run on there all the same. */
  async #leaveMark(signal: AbortSignal): Promise<string | null> {
    const { engine, markName, marks, log } = this.#parts;
    if (!marks) return null;
    const mark = randomBytes(16).toString('hex');
    try {
      await engine.leaveMark(markName, mark, signal);
      return mark;
    } catch (error) {
      signal.throwIfAborted();
      log.warn('no mark could be left among the data of the engine, which is known by its id alone', { error });
      return null;
    }
  }

  async #store(known: EngineIdentity): Promise<void> {
    await writeEngineIdentity(this.#parts.file, known);
    this.#known = known;
    this.#isRead = true;
  }

  async #read(): Promise<EngineIdentity | null> {
    if (!this.#isRead) this.#known = await readEngineIdentity(this.#parts.file);
    this.#isRead = true;
    return this.#known;
  }
}
