/**
 * The pool of prewarmed networks: a few idle ones that kernels lease, so that a creation need not wait for the engine to
 * set up a network. A creation never waits for the pool: when none is idle, the kernel gets a network of its own.
 * What there is is known from the engine, by labels, so that nothing is lost when the process is killed. What the files
 * of names are is known from the moment at which a network was made, in which no kernel had joined it yet, and by the
 * process alone that made it: one that an earlier process has made is leased to nobody else any more. Nor is one on which
 * a kernel has left a trace.
 */
import type { ContainerDetail, Engine } from '../engine/engine.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { type Deadline, withDeadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ContainerId, KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import {
  isPrewarmedNetwork,
  type LeasedNetwork,
  type NameFiles,
  nameFilesEqual,
  newPrewarmedNetworkName,
  type PrewarmedNetwork,
  type PrewarmedNetworkForm,
  prewarmedNetworkLabels,
  prewarmedNetworkSpec,
  unknownNetwork,
} from './prewarmed-network.ts';

/** What the pool works with. */
export interface PrewarmedNetworkPoolParts {
  readonly engine: Engine;
  readonly form: PrewarmedNetworkForm;
  /** How many are kept idle; 0 = none is ever made. */
  readonly target: number;
  /** Makes sure that the network and its rules are there. */
  readonly ensureNetwork: (deadline: Deadline) => Promise<void>;
  /** Those that kernels' containers say they have joined, whether their kernels are known or not. */
  readonly joined: (signal: AbortSignal) => Promise<ReadonlySet<ContainerId>>;
  /** Bytes that have gone through the network of a process. */
  readonly networkBytes: (pid: number) => Promise<Pick<LeasedNetwork, 'receivedBytes' | 'sentBytes'>>;
  /** The files of names of one, as they are now. */
  readonly readNames: (paths: ContainerDetail['nameFiles']) => Promise<NameFiles>;
  /** The sockets that there are in the network of a process, in words that are equal when they are. */
  readonly readSockets: (pid: number) => Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A network that the engine does not show within this is not used. */
const verifyMs = 1_000;
const makeMs = 60_000;
const removeMs = 30_000;
const stopMs = 10_000;
/** How long the reply to a request that was begun before the end is waited for: the engine does it all the same. */
const lateReplyMs = 5_000;
/** How long idle ones are kept when no kernel is created. */
const idleMs = 5 * 60_000;

/** Disposing it removes those that no kernel holds, within a bound. */
export class PrewarmedNetworkPool implements AsyncDisposable {
  readonly #parts: PrewarmedNetworkPoolParts;
  readonly #networks = new Map<ContainerId, PrewarmedNetwork>();
  /** Names of those that are being made. */
  readonly #making = new Set<string>();
  /** Those that are being removed: the engine may list them still. */
  readonly #removals = new Map<ContainerId, Promise<void>>();
  /** Those whose last kernel is gone and that are looked at for what it has left. */
  readonly #checks = new Set<Promise<void>>();
  readonly #end = new AbortController();
  readonly #hangUp = new AbortController();
  #creations = 0;
  /** The image of the last kernel that found none. */
  #wanted: string | null = null;
  #filling: Promise<void> | null = null;
  #idleTimer: Timer | null = null;
  #absentReleases = 0;
  #altered = 0;

  constructor(parts: PrewarmedNetworkPoolParts) {
    this.#parts = parts;
  }

  /** Releases of a network that was not held: an invariant violation. */
  get absentReleases(): number {
    return this.#absentReleases;
  }

  /** Networks whose files of names were not as they were made: an invariant violation. */
  get altered(): number {
    return this.#altered;
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
        this.#idleTimer = this.#parts.clock.after(idleMs, () => this.#trim(0));
        this.#idleTimer.unref();
      },
    };
  }

  /**
   * One that lives and whose files of names are as they were made, for a container that is about to be made: the
   * one that the kernel holds, else an idle one, rather of the same image. null when there is none. Throws the signal's
   * reason.
   */
  async lease(kernel: KernelId, image: string, signal: AbortSignal): Promise<LeasedNetwork | null> {
    // To read two files takes far less than to make a network.
    if (!this.#heldBy(kernel) && !this.#idle(image)) await Promise.all(this.#checks);
    for (let found = this.#heldBy(kernel) ?? this.#idle(image); found; found = this.#idle(image)) {
      // Before anything is waited for: nobody else may take it.
      found.owner = kernel;
      const leased = await this.#verify(found, signal);
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

  /** The files of names of the network that a kernel holds, as they were made; null when it holds none that is known. */
  namesOf(kernel: KernelId): NameFiles | null {
    return this.#heldBy(kernel)?.names ?? null;
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
    if (held.names === null || this.#end.signal.aborted) {
      this.#drop(held.id);
      return;
    }
    const check = this.#check(held).finally(() => this.#checks.delete(check));
    this.#checks.add(check);
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
    const listed = await this.#listed(signal);
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
        for (const { id } of await this.#listed(signal)) {
          if ((this.#networks.get(id)?.owner ?? null) === null && !inUse.has(id)) this.#drop(id);
        }
        await Promise.all(this.#removals.values());
      });
    } catch (error) {
      log.warn('idle prewarmed networks could not be removed; the next start removes them', { error });
    }
  }

  async #empty(): Promise<void> {
    await Promise.all(this.#checks);
    this.#wanted = null;
    await this.#filling;
    this.#trim(0);
    await Promise.all(this.#removals.values());
  }

  #fillSoon(): void {
    this.#filling ??= this.#fill().finally(() => {
      this.#filling = null;
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
    const { engine, form, ensureNetwork, readNames, readSockets } = this.#parts;
    const name = newPrewarmedNetworkName(form.tag);
    this.#making.add(name);
    try {
      const options = { what: 'making a prewarmed network', timeoutMs: makeMs, signal: this.#hangUp.signal };
      await withDeadline(options, async (deadline) => {
        await ensureNetwork(deadline);
        const id = await engine.createContainer(await prewarmedNetworkSpec(form, name, image), deadline.signal);
        this.#end.signal.throwIfAborted();
        await engine.startContainer(id, deadline.signal);
        const made = await engine.inspectContainer(id, deadline.signal);
        if (!made) throw new KerneletError('ENGINE_FAILED', `the container ${name} was removed by somebody else`);
        const { pid } = made;
        const [names, sockets] = await Promise.all([readNames(made.nameFiles), readSockets(pid)]);
        this.#networks.set(id, { ...unknownNetwork(id), image, names, made: { pid, sockets } });
      });
    } catch (error) {
      // The request may have had its effect.
      const left = await engine.inspectContainer(name, AbortSignal.timeout(verifyMs)).catch(() => null);
      if (left && isPrewarmedNetwork(form, left)) this.#drop(left.id);
      throw error;
    } finally {
      this.#making.delete(name);
    }
  }

  /** The network as a lease when it is alive, ours, as it should be and on the network; else null. */
  async #verify({ id, names, lastOwner }: PrewarmedNetwork, signal: AbortSignal): Promise<LeasedNetwork | null> {
    if (names === null) return null;
    const { engine, form, networkBytes, readNames, log } = this.#parts;
    try {
      return await withDeadline(
        { what: 'verifying a prewarmed network', timeoutMs: verifyMs, signal },
        async (deadline) => {
          const seen = await engine.inspectContainer(id, deadline.signal);
          const isGood =
            seen && isPrewarmedNetwork(form, seen) && seen.state === 'running' && seen.networkAddress !== null;
          if (!isGood) return null;
          const [{ receivedBytes, sentBytes }, now] = await Promise.all([
            networkBytes(seen.pid),
            readNames(seen.nameFiles),
          ]);
          if (!nameFilesEqual(names, now)) {
            this.#altered += 1;
            log.warn('the files of names of a prewarmed network were changed; it is not used again', {
              ...{ container: id, lastKernel: lastOwner, paths: Object.values(seen.nameFiles) },
            });
            return null;
          }
          return { container: id, receivedBytes, sentBytes };
        },
      );
    } catch (error) {
      if (!signal.aborted) log.warn('a prewarmed network cannot be used', { container: id, error });
      return null;
    }
  }

  /**
   * Gives up a network in which its last kernel has left a trace, and has another take its place. Ends of connections
   * outlive the process that made them; and who has sent something may be answered later on, through what the host
   * remembers of it, whoever has the address then. Never rejects.
   */
  async #check(network: PrewarmedNetwork): Promise<void> {
    const { id, image, made, sentBefore, lastOwner } = network;
    network.isChecking = true;
    const left = await this.#traces(network).catch((error: unknown) => ({ error }));
    network.isChecking = false;
    network.sentBefore = null;
    if (left === null) this.#trim(this.#end.signal.aborted ? 0 : this.#parts.target);
    if (left === null || !this.#networks.has(id)) return;
    this.#parts.log.debug('a prewarmed network is given up, since its last kernel has left something in it', {
      ...{ container: id, lastKernel: lastOwner, sentBefore, socketsBefore: made?.sockets, ...left },
    });
    this.#drop(id);
    this.#wanted ??= image;
    this.#fillSoon();
  }

  /** What is other than before the last kernel; null when nothing is. Throws the system's errors. */
  async #traces({ made, sentBefore }: PrewarmedNetwork): Promise<{ sent: number; sockets: string } | null> {
    if (made === null) throw new KerneletError('INTERNAL', 'nobody knows what the network was made with');
    const { networkBytes, readSockets } = this.#parts;
    const [{ sentBytes: sent }, sockets] = await Promise.all([networkBytes(made.pid), readSockets(made.pid)]);
    return sent === sentBefore && sockets === made.sockets ? null : { sent, sockets };
  }

  async #listed(signal: AbortSignal) {
    const { engine, form } = this.#parts;
    const listed = await engine.listContainers({ [prewarmedNetworkLabels.proof]: null }, signal);
    return listed.filter((one) => isPrewarmedNetwork(form, one));
  }

  #heldBy(kernel: KernelId): PrewarmedNetwork | undefined {
    return [...this.#networks.values()].find(({ owner }) => owner === kernel);
  }

  #idleOnes(): readonly PrewarmedNetwork[] {
    return [...this.#networks.values()].filter(({ owner, isChecking }) => owner === null && !isChecking);
  }

  #idle(image: string): PrewarmedNetwork | undefined {
    const idle = this.#idleOnes();
    return idle.find((one) => one.image === image) ?? idle[0];
  }

  /** Lets go of the oldest idle ones beyond so many. */
  #trim(max: number): void {
    const idle = this.#idleOnes();
    for (const { id } of idle.slice(0, Math.max(0, idle.length - max))) this.#drop(id);
  }

  #drop(id: ContainerId): void {
    this.#networks.delete(id);
    const { engine, log } = this.#parts;
    const removal = engine
      .removeContainer(id, AbortSignal.timeout(removeMs))
      .catch((error: unknown) => log.warn('a prewarmed network could not be removed', { container: id, error }))
      .finally(() => this.#removals.delete(id));
    this.#removals.set(id, removal);
  }
}
