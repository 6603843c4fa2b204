/**
 * What has truly happened to each kernel of a simulated world, beside what the agent says of it. An event that tells of
 * something else is a violation.
 */
import type { KernelEvent } from '../../src/events/kernel-event.ts';

/** An invariant that does not hold; its message says which, of what. */
export class Violation extends Error {}

type Ended = Extract<KernelEvent, { type: 'kernel-terminated' }>;

/** What has happened to one kernel since it was created last. */
export class KernelHistory {
  readonly id: string;
  readonly name: string;
  /** Exit codes that its container ended with by itself. */
  readonly exits = new Set<number>();
  wasAskedToEnd = false;
  /** Whether its end was asked for whatever the disk does. */
  wasForced = false;
  wasCancelled = false;
  wasRestarted = false;
  wasKilledForMemory = false;
  wasRemovedByOthers = false;
  hasEngineEnded = false;
  hasNodeRebooted = false;
  /** Whether the end of an engine or a start of the machine has ever ended one of its containers. */
  hasFallen = false;
  /** How often it was started again since, as the agent says. */
  returns = 0;
  /** Whether the operator has it started again then. */
  readonly startsAgain: boolean;
  /** Whether the daemon was ever stopped. */
  wasDaemonStopped = false;
  /** Whether the disk failed while the daemon was killed: what it did last is not on record then. */
  isUnrecorded = false;
  /** Whether anybody has ever had it paused. */
  mayBePaused = false;
  hasIdleLimit = false;
  /** Whether it ever had one: what is restored may be of then. */
  hadIdleLimit = false;
  /** Whether its user has a file in its home. */
  hasHome = false;
  /** Whether it was published as running since its last `kernel-preparing`. */
  hasStarted = false;
  isLive = false;
  /** How many ask for it to be created. */
  creators = 0;
  /** Whether the daemon was killed while it was being created, and before that could be told. */
  mayEndUntold = false;
  preparations = 0;
  /** Its ends, as the agent told them. */
  readonly told: Ended[] = [];

  constructor(id: string, name: string, startsAgain: boolean) {
    this.id = id;
    this.name = name;
    this.startsAgain = startsAgain;
  }

  /** Whether an end of its engine may be its own: unless it is started again, which is tried a few times. */
  get isLeftEnded(): boolean {
    return !this.startsAgain || this.returns >= 5;
  }

  /** Whether somebody has said that its files are wanted no more. */
  get isGivenUp(): boolean {
    return this.wasAskedToEnd || this.wasCancelled || this.hasIdleLimit;
  }

  /** Whether its container has ended, and is not started again: also before that can be recorded and told. */
  get isOver(): boolean {
    const hasEnded = this.exits.size > 0 || this.wasKilledForMemory || this.wasRemovedByOthers;
    return hasEnded || ((this.hasEngineEnded || this.hasNodeRebooted) && this.isLeftEnded);
  }

  /** Somebody asks for it, and it is not there: what befell it before is over. */
  begin(): void {
    if (this.isLive || this.creators > 0) return;
    this.beginContainer();
    this.wasAskedToEnd = false;
    this.wasForced = false;
    this.wasCancelled = false;
    this.wasRestarted = false;
    this.hasFallen = false;
    this.returns = 0;
    this.hasIdleLimit = false;
  }

  /** The program of another container of it begins: what ended one before is no reason for its end. */
  beginContainer(): void {
    this.exits.clear();
    this.wasKilledForMemory = false;
    this.wasRemovedByOthers = false;
    this.hasEngineEnded = false;
    this.hasNodeRebooted = false;
  }

  /** Takes in what the agent publishes of it. Throws a Violation when that cannot be. */
  take(event: KernelEvent): void {
    switch (event.type) {
      case 'kernel-preparing':
        if (this.isLive) throw new Violation(`${this.name} is prepared again before its end was told`);
        this.isLive = true;
        this.mayEndUntold = false;
        this.hasStarted = false;
        this.preparations += 1;
        return;
      case 'kernel-started':
        this.hasStarted = true;
        return;
      case 'kernel-restarting':
        if (event.reason !== 'user-requested') this.returns += 1;
        // It may be heard when the next container runs already.
        if (event.reason === 'user-requested' ? this.wasRestarted : this.startsAgain && this.hasFallen) return;
        throw new Violation(`${this.name} is said to be restarted by ${event.reason}, which is not so`);
      case 'kernel-paused':
        // One that the engine carries out after its deadline is taken for somebody else's.
        if (this.mayBePaused || (event.by !== 'request' && this.hasIdleLimit)) return;
        throw new Violation(`${this.name} is said to be paused by ${event.by}, which is not so`);
      case 'kernel-terminated':
        // Its record came first.
        // A disk that failed took no note of the first one, and the daemon was killed.
        if (!this.isLive && this.isUnrecorded) return;
        // Killed before it could tell of the preparation, which another life of the kernel may have come before.
        if (!this.isLive && this.mayEndUntold && event.reason === 'failed-to-create') {
          this.preparations += 1;
          this.hasStarted = false;
        } else if (!this.isLive) throw new Violation(`a second end of ${this.name} is told: ${event.reason}`);
        this.isLive = false;
        this.mayEndUntold = false;
        this.told.push(event);
        if (!this.#isTrue(event)) {
          const code = event.exitCode === null ? '' : ` with status ${event.exitCode}`;
          throw new Violation(`${this.name} is said to have ended as ${event.reason}${code}, which is not so`);
        }
        return;
      default:
    }
  }

  #isTrue({ reason, exitCode }: Ended): boolean {
    switch (reason) {
      case 'user-requested':
      case 'force-terminated':
        return this.wasAskedToEnd || this.wasCancelled;
      case 'self-terminated':
        return (exitCode !== null && this.exits.has(exitCode)) || (this.isUnrecorded && this.wasAskedToEnd);
      case 'out-of-memory':
        return this.wasKilledForMemory;
      case 'container-not-found':
        return this.wasRemovedByOthers || (this.isUnrecorded && (this.wasAskedToEnd || this.exits.size > 0));
      case 'engine-restart':
        return this.hasEngineEnded && this.isLeftEnded;
      case 'node-reboot':
        return this.hasNodeRebooted && this.isLeftEnded;
      case 'failed-to-create':
        return !this.hasStarted;
      case 'failed-to-start':
        return !this.hasStarted || this.wasRestarted || this.returns > 0;
      case 'restart-timeout':
        return this.wasRestarted || this.returns > 0;
      case 'agent-termination':
        return this.wasDaemonStopped;
      case 'idle-timeout':
        return this.hasIdleLimit;
      default:
        return false;
    }
  }
}
