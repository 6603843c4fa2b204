/**
 * The pool of prewarmed networks: a few idle ones that kernels lease, so that a creation need not wait for the engine to
 * set up a network. A creation never waits for one to be made: when none is idle, the kernel gets a network of its own.
 * What there is is known from the engine, by labels, so that nothing is lost when the process is killed. What its network
 * files are is known from the moment at which a network was made, in which no kernel had joined it yet, and by the
 * process alone that made it: one that an earlier process has made is leased to nobody else any more. Nor is one on which
 * a kernel has left a trace.
 */
import type { Clock, Timer } from '../lib/clock.ts';
import { type Deadline, raceWithSignal, withDeadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import { PrewarmedContainers, type PrewarmedContainersParts } from './prewarmed-containers.ts';
import {
  type LeasedNetwork,
  type MadeNetwork,
  type NetworkFiles,
  newPrewarmedNetworkName,
  type PrewarmedNetwork,
  unknownNetwork,
} from './prewarmed-network.ts';

/** What the pool works with. */
export interface PrewarmedNetworkPoolParts extends PrewarmedContainersParts {
  /** How many are kept idle; 0 = none is ever made. */
  readonly target: number;
  /** Makes sure that the network and its rules are there. */
  readonly ensureNetwork: (deadline: Deadline) => Promise<void>;
  /** Those that kernels' containers say they have joined, whether their kernels are known or not. */
  readonly joined: (signal: AbortSignal) => Promise<ReadonlySet<ContainerId>>;
  readonly clock: Clock;
}

const makeMs = 60_000;
const stopMs = 10_000;
/** How long the reply to a request that was begun before the end is waited for: the engine does it all the same. */
const lateReplyMs = 5_000;
/** How long idle ones are kept when no kernel is created. */
const idleMs = 5 * 60_000;

/** Disposing it removes those that no kernel holds, within a bound. */
export class PrewarmedNetworkPool implements AsyncDisposable {
  readonly #parts: PrewarmedNetworkPoolParts;
  readonly #containers: PrewarmedContainers;
  readonly #networks = new Map<ContainerId, PrewarmedNetwork>();
  /** Names of those that are being made. */
  readonly #making = new Set<string>();
  /** Those that are being removed: the engine may list them still. */
  readonly #removals = new Map<ContainerId, Promise<void>>();
  /** Those whose last kernel is gone and that are looked at for what it has left: nobody may lease them. */
  readonly #checks = new Map<ContainerId, Promise<void>>();
  readonly #end = new AbortController();
  readonly #hangUp = new AbortController();
  #creations = 0;
  /** The image of the last kernel that found none. */
  #wanted: string | null = null;
  #filling: Promise<void> | null = null;
  #idleTimer: Timer | null = null;
  #absentReleases = 0;

  constructor(parts: PrewarmedNetworkPoolParts) {
    this.#parts = parts;
    this.#containers = new PrewarmedContainers(parts);
  }

  /** Releases of a network that was not held: an invariant violation. */
  get absentReleases(): number {
    return this.#absentReleases;
  }

  /** Networks whose network files were not as they were made: an invariant violation. */
  get altered(): number {
    return this.#containers.altered;
  }

  /** Says that a kernel is being created, until disposed: nothing is made meanwhile, so that it does not wait. */
  creating(): Disposable {
    this.#creations += 1;
    this.#idleTimer?.[Symbol.dispose]();
    this.#idleTimer = null;
    return {
      [Symbol.dispose]: () => {
        this.#creations -= 1;
        if (this.#creations > 0 || this.#end.signal.aborted) return;
        this.#fillSoon();
        this.#idleTimer = this.#parts.clock.after(idleMs, () => {
          this.#idleTimer = null;
          this.#trim(0);
        });
        this.#idleTimer.unref();
      },
    };
  }

  /**
   * One that lives and whose network files are as they were made, for a container that is about to be made: the
   * one that the kernel holds, else an idle one, rather of the same image. null when there is none. Throws the signal's
   * reason.
   */
  async lease(kernel: KernelId, image: string, signal: AbortSignal): Promise<LeasedNetwork | null> {
    // To read two files takes far less than to make a network.
    if (!this.#heldBy(kernel) && !this.#idle(image)) {
      await raceWithSignal(Promise.all(this.#checks.values()), signal);
    }
    for (let found = this.#heldBy(kernel) ?? this.#idle(image); found; found = this.#idle(image)) {
      // Before anything is waited for: nobody else may take it.
      found.owner = kernel;
      const leased = await this.#containers.verify(found, signal);
      signal.throwIfAborted();
      if (leased) {
        found.sentBefore ??= leased.sentBytes;
        return leased;
      }
      this.discard(kernel);
    }
    this.#wanted = image;
    return null;
  }

  /** Takes over what a kernel of an earlier process holds. Throws INTERNAL when another kernel holds it. */
  adopt(kernel: KernelId, container: ContainerId): void {
    const known = this.#networks.get(container) ?? unknownNetwork(container);
    if (known.owner !== null && known.owner !== kernel) {
      throw new KerneletError('INTERNAL', `the prewarmed network ${container} is held by two kernels`, {
        context: { kernel },
      });
    }
    known.owner = kernel;
    this.#networks.set(container, known);
  }

  holds(kernel: KernelId): boolean {
    return this.#heldBy(kernel) !== undefined;
  }

  /** The network files of the network that a kernel holds, as they were made; null when it holds none that is known. */
  networkFilesOf(kernel: KernelId): NetworkFiles | null {
    return this.#heldBy(kernel)?.made?.networkFiles ?? null;
  }

  /**
   * Gives a kernel's network back, once its container is gone. Whether the kernel has left a trace in it is seen in the
   * background, before anybody else gets it.
   */
  release(kernel: KernelId): void {
    const held = this.#heldBy(kernel);
    if (!held) {
      this.#absentReleases += 1;
      return;
    }
    held.owner = null;
    held.lastOwner = kernel;
    const { id, made } = held;
    if (made === null || this.#end.signal.aborted) this.#drop(id);
    else this.#checks.set(id, this.#check(held, made));
  }

  /** Gives up a kernel's network that is of no use, and removes it in the background. */
  discard(kernel: KernelId): void {
    const held = this.#heldBy(kernel);
    if (held) this.#drop(held.id);
  }

  /**
   * Compares with what the engine has: dead ones, and those of an earlier process that no kernel has joined, are
   * removed; others take the place of the latter. Call it after the kernels were adopted, and now and then. Throws what
   * the engine throws.
   */
  async reconcile(signal: AbortSignal): Promise<void> {
    const { target, joined } = this.#parts;
    if (target === 0) return;
    const [known, making, going] = [
      new Set(this.#networks.keys()),
      new Set(this.#making),
      new Set(this.#removals.keys()),
    ];
    const inUse = await joined(signal);
    const listed = await this.#containers.list(signal);
    let replaced: string | null = null;
    for (const { id, name, state, image } of listed) {
      const isNew = this.#making.has(name) || making.has(name) || (this.#networks.has(id) && !known.has(id));
      if (
        isNew ||
        going.has(id) ||
        this.#removals.has(id) ||
        inUse.has(id) ||
        (this.#networks.get(id)?.owner ?? null) !== null
      )
        continue;
      if (state === 'running' && this.#networks.has(id)) continue;
      this.#drop(id);
      if (state === 'running') replaced ??= image;
    }
    const present = new Set(listed.map(({ id }) => id));
    for (const id of known) {
      if (!present.has(id) && this.#networks.get(id)?.owner === null) this.#networks.delete(id);
    }
    this.#trim(target);
    if (replaced === null) return;
    // Kernels are likely to be created again, as they were before.
    this.#wanted ??= replaced;
    this.#fillSoon();
  }

  /** Removes the idle ones now, for a caller who wants to remove their image. Bounded, and never rejects. */
  async removeIdle(): Promise<void> {
    const options = { what: 'removing idle prewarmed networks', timeoutMs: stopMs };
    await withDeadline(options, () => this.#empty()).catch((error: unknown) => {
      this.#parts.log.warn('idle prewarmed networks could not be removed', { error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const reason = new KerneletError('SHUTTING_DOWN', 'the daemon is stopping');
    this.#end.abort(reason);
    this.#idleTimer?.[Symbol.dispose]();
    if (this.#parts.target === 0) return;
    const signal = AbortSignal.timeout(stopMs);
    const { log, joined, clock } = this.#parts;
    using _late = clock.after(lateReplyMs, () => this.#hangUp.abort(reason));
    try {
      const options = { what: 'removing idle prewarmed networks', timeoutMs: stopMs };
      await withDeadline(options, async () => {
        await this.#empty();
        const inUse = await joined(signal);
        for (const { id } of await this.#containers.list(signal)) {
          if ((this.#networks.get(id)?.owner ?? null) === null && !inUse.has(id)) this.#drop(id);
        }
        await Promise.all(this.#removals.values());
      });
    } catch (error) {
      log.warn('idle prewarmed networks could not be removed; the next start removes them', { error });
    }
  }

  async #empty(): Promise<void> {
    await Promise.all(this.#checks.values());
    this.#wanted = null;
    await this.#filling;
    this.#trim(0);
    await Promise.all(this.#removals.values());
  }

  #fillSoon(): void {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = null;
      // Whoever wanted more while this one was ending has begun none.
      if (this.#wanted !== null && this.#creations === 0 && !this.#end.signal.aborted) this.#fillSoon();
    });
  }

  /** Makes networks up to the target, while no kernel is being created. Never rejects. */
  async #fill(): Promise<void> {
    const { target, log } = this.#parts;
    while (this.#wanted !== null && this.#creations === 0 && !this.#end.signal.aborted) {
      const image = this.#wanted;
      if (this.#idleOnes().length >= target) {
        this.#wanted = null;
        return;
      }
      try {
        await this.#make(image);
      } catch (error) {
        // The next kernel that finds none asks again.
        this.#wanted = null;
        if (!this.#end.signal.aborted) log.warn('a prewarmed network could not be made', { image, error });
      }
    }
  }

  async #make(image: string): Promise<void> {
    const { form, ensureNetwork } = this.#parts;
    const name = newPrewarmedNetworkName(form.tag);
    this.#making.add(name);
    try {
      const options = { what: 'making a prewarmed network', timeoutMs: makeMs, signal: this.#hangUp.signal };
      await withDeadline(options, async (deadline) => {
        await ensureNetwork(deadline);
        const { id, made } = await this.#containers.make(name, image, { deadline, end: this.#end.signal });
        this.#networks.set(id, { ...unknownNetwork(id), made });
      });
    } catch (error) {
      // The request may have had its effect.
      const left = await this.#containers.find(name);
      if (left !== null) this.#drop(left);
      throw error;
    } finally {
      this.#making.delete(name);
    }
  }

  /** Gives up a network in which its last kernel has left a trace, and has another take its place. Never rejects. */
  async #check(network: PrewarmedNetwork, made: MadeNetwork): Promise<void> {
    const { id, sentBefore, lastOwner } = network;
    const left = await this.#containers.traces(made, sentBefore).catch((error: unknown) => ({ error }));
    this.#checks.delete(id);
    network.sentBefore = null;
    if (left === null) this.#trim(this.#parts.target);
    if (left === null || !this.#networks.has(id)) return;
    this.#parts.log.debug('a prewarmed network is given up, since its last kernel has left something in it', {
      ...{ container: id, lastKernel: lastOwner, sentBefore, socketsBefore: made.sockets, ...left },
    });
    this.#drop(id);
    this.#wanted ??= made.image;
    // After a time without creations none is kept.
    if (this.#idleTimer !== null) this.#fillSoon();
  }

  #heldBy(kernel: KernelId): PrewarmedNetwork | undefined {
    return [...this.#networks.values()].find(({ owner }) => owner === kernel);
  }

  #idleOnes(): readonly PrewarmedNetwork[] {
    return [...this.#networks.values()].filter(({ id, owner }) => owner === null && !this.#checks.has(id));
  }

  #idle(image: string): PrewarmedNetwork | undefined {
    const idle = this.#idleOnes();
    return idle.find(({ made }) => made?.image === image) ?? idle[0];
  }

  /** Lets go of the oldest idle ones beyond so many. */
  #trim(max: number): void {
    const idle = this.#idleOnes();
    for (const { id } of idle.slice(0, Math.max(0, idle.length - max))) this.#drop(id);
  }

  #drop(id: ContainerId): void {
    this.#networks.delete(id);
    const removal = this.#containers.remove(id).finally(() => this.#removals.delete(id));
    this.#removals.set(id, removal);
  }
}
