/**
 * The container engine of a simulated machine: the one in memory, which outlives the daemon, behind a connection that is slow,
 * hangs, loses replies and mixes events up. It may be restarted, or another may answer in its place.
 */
import { addAbortListener } from 'node:events';
import type { DummyContainer } from '../../../src/engine/dummy/dummy-containers.ts';
import { DummyEngine, type DummyEngineOptions } from '../../../src/engine/dummy/dummy-engine.ts';
import { EventReader } from '../../../src/engine/dummy/dummy-events.ts';
import type { DummyMethod } from '../../../src/engine/dummy/dummy-faults.ts';
import type { Engine, EngineEvent } from '../../../src/engine/engine.ts';
import { KerneletError } from '../../../src/lib/errors.ts';
import type { SeededRandom } from '../../support/random.ts';
import { FaultPlan } from '../fault-plan.ts';
import { neverAborted } from '../world/never-aborted.ts';
import type { Owner, Scheduled, Timeline } from '../world/timeline.ts';

/**
 * How one call goes wrong. `error`: refused, nothing done. `hang`: nothing done and no answer. `late`: after a while, as usual.
 * `lost-reply` and `cut-reply`: done, and nothing or half of the answer comes. `hang-after-success`: done, and no answer.
 * `events-twice`: done, but from then on each event comes twice.
 */
export type CallFault = 'error' | 'hang' | 'late' | 'lost-reply' | 'cut-reply' | 'hang-after-success' | 'events-twice';

/** How events come while they are mixed up. */
export type EventTrouble = 'lost' | 'twice' | 'reordered';

/** So late is a call that is late. */
const lateMs = 25_000;
/** How long events come twice after a call that is followed by that. */
const twiceMs = 60_000;
/** How long the client of an engine waits for a question and for what changes something, as that of Docker does. */
const patience = { readMs: 30_000, changeMs: 150_000 };
const reads: ReadonlySet<DummyMethod> = new Set([
  ...([
    'ping',
    'info',
    'startedAt',
    'listImages',
    'inspectImage',
    'inspectContainer',
    'isLink',
    'listContainers',
  ] as const),
  ...(['listProcesses', 'containerFigures', 'inspectNetwork', 'listNetworks', 'readMark'] as const),
]);
/** Usual times, in milliseconds; others take some. */
const usualMs: Partial<Record<DummyMethod, number>> = { createContainer: 60, startContainer: 150, removeContainer: 80 };

/** What of the host a simulation looks at and changes. */
export class EngineHost {
  /** The engine that has the kernels, and another one without anything. */
  readonly own: DummyEngine;
  readonly other: DummyEngine;
  #answering: DummyEngine;
  #isUp = true;
  #hangsUntil = 0;
  #troubleUntil = 0;
  #trouble: EventTrouble = 'lost';
  /** Counts the connections of followers: what was on its way when one ended is lost. */
  #connection = 0;
  #onTheirWay = 0;
  readonly faults = new FaultPlan<CallFault>();
  /** Who waits for an answer, and how to fail that. */
  readonly #pending = new Map<(error: KerneletError) => void, Owner>();
  /** Who follows its events, by the process in which that is. */
  readonly #followers = new Map<EventReader, Owner>();
  readonly #timeline: Timeline;
  readonly #world: Owner;
  readonly #random: SeededRandom;
  readonly #tell: (text: string) => void;

  constructor(parts: {
    readonly timeline: Timeline;
    readonly world: Owner;
    readonly random: SeededRandom;
    readonly options: DummyEngineOptions;
    readonly tell: (text: string) => void;
  }) {
    const { options } = parts;
    this.#timeline = parts.timeline;
    this.#world = parts.world;
    this.#random = parts.random;
    this.#tell = parts.tell;
    this.own = new DummyEngine({ ...options, info: { identity: 'own', dataRoot: '/data/own' } });
    // It calls itself the same: an engine that lost its data may.
    this.other = new DummyEngine({ ...options, firstSerial: 10_000, info: { identity: 'own', dataRoot: '/data/own' } });
    this.#answering = this.own;
    for (const engine of [this.own, this.other]) void this.#relay(engine);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get answering(): DummyEngine {
    return this.#answering;
  }

  /** Whether a call is on its way, which may have its effect whoever waits for it still. */
  get isCallOnItsWay(): boolean {
    return this.#onTheirWay > 0;
  }

  /** Whether anybody who lives waits for an answer, which may never come. */
  get isAnybodyWaiting(): boolean {
    return [...this.#pending.values()].some(({ hasEnded }) => !hasEnded);
  }

  /** It answers nobody for so long, and does afterwards what it was asked. */
  hang(forMs: number): void {
    this.#hangsUntil = this.#timeline.now + forMs;
  }

  mixEvents(trouble: EventTrouble, forMs: number): void {
    this.#trouble = trouble;
    this.#troubleUntil = this.#timeline.now + forMs;
  }

  /** Ends every connection; nobody can connect until `start`. */
  stop(): void {
    this.#isUp = false;
    this.#connection += 1;
    for (const fail of [...this.#pending.keys()]) fail(unavailable());
    this.#toFollowers({ type: 'disconnected', error: 'the engine has ended' });
  }

  start(engine: DummyEngine = this.#answering): void {
    this.#answering = engine;
    this.#isUp = true;
    this.#toFollowers({ type: 'connected' });
  }

  /** Containers of both engines, whichever answers. */
  get containers(): readonly DummyContainer[] {
    return [...this.own.containers, ...this.other.containers];
  }

  /** Nothing goes wrong any more, and this engine answers. */
  heal(engine: DummyEngine): void {
    this.faults.clear();
    this.#hangsUntil = 0;
    this.#troubleUntil = 0;
    if (this.#isUp && this.#answering === engine) return;
    if (this.#isUp) this.stop();
    this.start(engine);
  }

  /** Nobody is told any more. */
  forget(owner: Owner): void {
    for (const [follower, of] of [...this.#followers]) if (of === owner) this.#followers.delete(follower);
  }

  /** A connection of a process. */
  connect(owner: Owner): Engine {
    const special: Partial<Record<keyof Engine, unknown>> = {
      events: (signal: AbortSignal) => this.#follow(owner, signal),
      containerLogs: () => (async function* () {})(),
      // Nobody asks for an image of a container here.
      isCommitting: () => false,
      [Symbol.asyncDispose]: async () => {},
    };
    const host = this;
    return new Proxy<Engine>(this.own, {
      get(target, name): unknown {
        if (name in special) return special[name as keyof Engine];
        const value = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => host.#call(owner, name as DummyMethod, args);
      },
    });
  }

  #call(owner: Owner, method: DummyMethod, args: unknown[]): Promise<unknown> {
    const signal = args.at(-1) as AbortSignal;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    let isSettled = false;
    let tooLate: Scheduled | null = null;
    const settle = (end: () => void): void => {
      if (isSettled) return;
      isSettled = true;
      listener[Symbol.dispose]();
      if (tooLate) tooLate.run = null;
      this.#pending.delete(fail);
      end();
    };
    const listener = addAbortListener(signal, () => settle(() => reject(signal.reason)));
    const reply = (end: () => void): void => {
      this.#timeline.schedule(this.#delayMs(1), owner, () => settle(end));
    };
    const fail = (error: KerneletError): void => reply(() => reject(error));
    if (!this.#isUp) {
      fail(unavailable());
      return promise;
    }
    if (method !== 'waitContainer') {
      const { readMs, changeMs } = patience;
      const giveUp = (): void => settle(() => reject(late(method)));
      tooLate = this.#timeline.schedule(reads.has(method) ? readMs : changeMs, owner, giveUp);
    }
    this.#pending.set(fail, owner);
    const fault = this.faults.take(method, this.#timeline.now);
    if (fault !== null) this.#tell(`engine: ${method} ${subjectOf(args)}: ${fault}`);
    const effect = async (): Promise<unknown> => {
      const engine = this.#answering;
      const call = Reflect.get(engine, method, engine) as (...args: unknown[]) => Promise<unknown>;
      return await Reflect.apply(call, engine, [...args.slice(0, -1), neverAborted()]);
    };
    const arrive = (): void => {
      if (this.#isUp && this.#timeline.now < this.#hangsUntil) {
        this.#timeline.schedule(this.#hangsUntil - this.#timeline.now + this.#delayMs(5), this.#world, arrive);
        return;
      }
      this.#onTheirWay -= 1;
      // Who has hung up by now may not have been heard.
      if ((isSettled || owner.hasEnded) && this.#random.fraction() < 0.5) return;
      if (!this.#isUp) fail(unavailable());
      else if (fault === 'error') fail(failed(method));
      else if (fault !== 'hang') carryOut();
    };
    const carryOut = (): void => {
      effect().then(
        (value) => {
          if (fault === 'events-twice') this.mixEvents('twice', twiceMs);
          if (fault === 'lost-reply') fail(unavailable());
          else if (fault === 'cut-reply') fail(unreadable(method));
          else if (fault !== 'hang-after-success') reply(() => resolve(value));
        },
        (error: unknown) => reply(() => reject(error)),
      );
    };
    const delayMs = this.#delayMs(usualMs[method] ?? 4) + (fault === 'late' ? lateMs : 0);
    this.#onTheirWay += 1;
    this.#timeline.schedule(delayMs, this.#world, arrive);
    return promise;
  }

  /** Half to one and a half times so long. */
  #delayMs(usual: number): number {
    return usual * (0.5 + this.#random.fraction());
  }

  async *#follow(owner: Owner, signal: AbortSignal): AsyncGenerator<EngineEvent, void, undefined> {
    const follower = new EventReader(
      this.#isUp ? { type: 'connected' } : { type: 'disconnected', error: 'nobody listens' },
    );
    this.#followers.set(follower, owner);
    try {
      yield* follower.read(signal);
    } finally {
      this.#followers.delete(follower);
    }
  }

  async #relay(engine: DummyEngine): Promise<void> {
    for await (const event of engine.events(neverAborted())) {
      if (event.type !== 'container' || engine !== this.#answering || !this.#isUp) continue;
      const isMixed = this.#timeline.now < this.#troubleUntil;
      if (isMixed && this.#trouble === 'lost' && this.#random.fraction() < 0.7) continue;
      this.#toFollowers(event, isMixed && this.#trouble === 'reordered' ? 3_000 : 0);
      if (isMixed && this.#trouble === 'twice') this.#toFollowers(event, 1_000);
    }
  }

  #toFollowers(event: EngineEvent, spreadMs = 0): void {
    const connection = this.#connection;
    for (const [follower, owner] of this.#followers) {
      const delayMs = spreadMs === 0 ? 1 : 1 + this.#random.fraction() * spreadMs;
      this.#timeline.schedule(delayMs, owner, () => {
        if (connection === this.#connection) follower.push(event);
      });
    }
  }
}

const unavailable = (): KerneletError => new KerneletError('ENGINE_UNAVAILABLE', 'the simulated engine is away');

const failed = (method: string): KerneletError =>
  new KerneletError('ENGINE_FAILED', `the simulated engine failed ${method}`, { context: { status: 500 } });

const unreadable = (method: string): KerneletError =>
  new KerneletError('ENGINE_FAILED', `the simulated engine's reply to ${method} is not JSON`);

const late = (method: string): KerneletError =>
  new KerneletError('DEADLINE_EXCEEDED', `the simulated engine took too long for ${method}`);

function subjectOf([first]: readonly unknown[]): string {
  if (typeof first === 'string') return first.slice(0, 12);
  return typeof first === 'object' && first !== null && 'name' in first ? String(first.name) : '';
}
