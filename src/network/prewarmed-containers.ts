/**
 * The containers that hold prewarmed networks: how one is made, whether it can be leased, and what a kernel has left in it.
 */
import type { ContainerDetail, ContainerSummary, Engine } from '../engine/engine.ts';
import { type Deadline, withDeadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { ContainerId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import {
  isPrewarmedNetwork,
  type LeasedNetwork,
  type MadeNetwork,
  type NetworkFiles,
  networkFilesEqual,
  type PrewarmedNetwork,
  type PrewarmedNetworkForm,
  prewarmedNetworkLabels,
  prewarmedNetworkSpec,
} from './prewarmed-network.ts';

/** What they are made and looked at with. */
export interface PrewarmedContainersParts {
  readonly engine: Engine;
  readonly form: PrewarmedNetworkForm;
  /** Bytes that have gone through the network of a process. */
  readonly networkBytes: (pid: number) => Promise<Pick<LeasedNetwork, 'receivedBytes' | 'sentBytes'>>;
  /** The network files of one, as they are now. */
  readonly readFiles: (paths: ContainerDetail['networkFiles']) => Promise<NetworkFiles>;
  /** The sockets that there are in the network of a process, in words that are equal when they are. */
  readonly readSockets: (pid: number) => Promise<string>;
  readonly log: Logger;
}

/** A network that the engine does not show within this is not used. */
const verifyMs = 1_000;
const removeMs = 30_000;

/** What a kernel has left in a network. */
export interface NetworkTraces {
  /** Bytes that have been sent from it by now. */
  readonly sent: number;
  readonly sockets: string;
}

/** The containers of one agent. */
export class PrewarmedContainers {
  readonly #parts: PrewarmedContainersParts;
  #altered = 0;

  constructor(parts: PrewarmedContainersParts) {
    this.#parts = parts;
  }

  /** Networks whose network files were not as they were made: an invariant violation. */
  get altered(): number {
    return this.#altered;
  }

  /** Those that are provably this agent's, also of an earlier process. Throws what the engine throws. */
  async list(signal: AbortSignal): Promise<readonly ContainerSummary[]> {
    const { engine, form } = this.#parts;
    const listed = await engine.listContainers({ [prewarmedNetworkLabels.proof]: null }, signal);
    return listed.filter((one) => isPrewarmedNetwork(form, one));
  }

  /** Makes one of this name, unless `end` aborts meanwhile. What is left when this throws, `find` finds. */
  async make(
    name: string,
    image: string,
    { deadline, end }: { readonly deadline: Deadline; readonly end: AbortSignal },
  ): Promise<{ readonly id: ContainerId; readonly made: MadeNetwork }> {
    const { engine, form, readFiles, readSockets } = this.#parts;
    const id = await engine.createContainer(await prewarmedNetworkSpec(form, name, image), deadline.signal);
    end.throwIfAborted();
    await engine.startContainer(id, deadline.signal);
    const seen = await engine.inspectContainer(id, deadline.signal);
    if (!seen) throw new KerneletError('ENGINE_FAILED', `the container ${name} was removed by somebody else`);
    const { pid } = seen;
    const [networkFiles, sockets] = await Promise.all([readFiles(seen.networkFiles), readSockets(pid)]);
    return { id, made: { image, networkFiles, pid, sockets } };
  }

  /** The container of this name, if it is one; null also when the engine does not say. Never rejects. */
  async find(name: string): Promise<ContainerId | null> {
    const { engine, form } = this.#parts;
    const found = await engine.inspectContainer(name, AbortSignal.timeout(verifyMs)).catch(() => null);
    return found && isPrewarmedNetwork(form, found) ? found.id : null;
  }

  /** The network as a lease when it is alive, ours, as it was made and on the network; else null. Never rejects. */
  async verify({ id, made, lastOwner }: PrewarmedNetwork, signal: AbortSignal): Promise<LeasedNetwork | null> {
    if (made === null) return null;
    const { engine, form, networkBytes, readFiles, log } = this.#parts;
    try {
      const options = { what: 'verifying a prewarmed network', timeoutMs: verifyMs, signal };
      return await withDeadline(options, async (deadline) => {
        const seen = await engine.inspectContainer(id, deadline.signal);
        const isGood =
          seen && isPrewarmedNetwork(form, seen) && seen.state === 'running' && seen.networkAddress !== null;
        if (!isGood) return null;
        const [{ receivedBytes, sentBytes }, now] = await Promise.all([
          networkBytes(seen.pid),
          readFiles(seen.networkFiles),
        ]);
        if (networkFilesEqual(made.networkFiles, now)) return { container: id, receivedBytes, sentBytes };
        this.#altered += 1;
        log.warn('the network files of a prewarmed network were changed; it is not used again', {
          ...{ container: id, lastKernel: lastOwner, paths: Object.values(seen.networkFiles) },
        });
        return null;
      });
    } catch (error) {
      if (!signal.aborted) log.warn('a prewarmed network cannot be used', { container: id, error });
      return null;
    }
  }

  /**
   * What is other than before the last kernel; null when nothing is. Ends of connections outlive the process that made them;
   * and who has sent something may be answered later on, through what the host remembers of it, whoever has the address
   * then. Throws the system's errors.
   */
  async traces({ pid, sockets: before }: MadeNetwork, sentBefore: number | null): Promise<NetworkTraces | null> {
    const { networkBytes, readSockets } = this.#parts;
    const [{ sentBytes: sent }, sockets] = await Promise.all([networkBytes(pid), readSockets(pid)]);
    return sent === sentBefore && sockets === before ? null : { sent, sockets };
  }

  /** Removes one; an absent one is success. Never rejects. */
  async remove(id: ContainerId): Promise<void> {
    const { engine, log } = this.#parts;
    await engine
      .removeContainer(id, AbortSignal.timeout(removeMs))
      .catch((error: unknown) => log.warn('a prewarmed network could not be removed', { container: id, error }));
  }
}
