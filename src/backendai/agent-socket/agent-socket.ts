/**
 * The agent socket of kernels (spec config-and-ops 21.1): libraries of accelerators ask on it what their processes are
 * called on this host. It is a REP socket of ZeroMQ; the bytes are read by our own reader and not by ZeroMQ's library, since
 * they come from tenants: a request is small, one is answered at a time, and each kernel is told of itself alone.
 */
import type { Socket } from 'node:net';
import { endianness } from 'node:os';
import type { Engine } from '../../engine/engine.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { drained } from '../../lib/drained.ts';
import { KerneletError, toKerneletError } from '../../lib/errors.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { KeyedMutex } from '../../lib/semaphore.ts';
import { TokenBucket, type TokenBucketOptions } from '../../lib/token-bucket.ts';
import { greeting, messageOf, pongCommand, readyCommand, ZmtpReader } from '../../protocol/zmtp.ts';
import { ProcessIds } from './process-ids.ts';

/** A request names an action, a container and a number. */
const bounds = { bytes: 1024, frames: 8 };
/** How long one may take. */
const answerMs = 5_000;
/** What one kernel may ask for, on all its connections, at once and in the long run: it costs the daemon time that is everybody's. */
const usualRate = { burst: 64, perSecond: 500 };
/** From one lookup of a kernel to its next: each has the engine list processes. */
const pauseMs = 20;
/** After which a connection that says nothing is closed; a client of ZeroMQ connects again by itself. */
const silenceMs = 10 * 60_000;

type Frames = readonly Uint8Array[];

/** What answers are made from. */
export interface AgentSocketParts {
  readonly engine: Pick<Engine, 'listProcesses'>;
  readonly isJail: boolean;
  readonly clock: Clock;
  /** How much one kernel may ask for, for tests. */
  readonly rate?: Omit<TokenBucketOptions, 'clock'>;
  /** Where the engine's processes are seen, for tests. */
  readonly processRoot?: string;
}

/** A connection, what has come on it so far, and what its kernel may still ask for. */
interface Client {
  readonly connection: Socket;
  readonly reader: ZmtpReader;
  readonly allowance: TokenBucket;
  readonly containerId: () => ContainerId | null;
}

/** Serves connections, of each kernel by a function of its own. */
export class AgentSocket {
  readonly #parts: AgentSocketParts;
  readonly #processes: ProcessIds;
  /** By container, so that no kernel has more than one lookup under way. */
  readonly #turns = new KeyedMutex<ContainerId>();

  constructor(parts: AgentSocketParts) {
    this.#parts = parts;
    this.#processes = new ProcessIds(parts.engine, parts.processRoot);
  }

  /** Takes connections of one kernel, each until it is closed. `containerId`: the kernel's, as it is now; null while it has none. */
  of(containerId: () => ContainerId | null): (connection: Socket) => void {
    const { clock, rate = usualRate } = this.#parts;
    const allowance = new TokenBucket({ clock, ...rate });
    return (connection) => this.#serve(connection, containerId, allowance);
  }

  #serve(connection: Socket, containerId: Client['containerId'], allowance: TokenBucket): void {
    const reader = new ZmtpReader(bounds);
    connection.setTimeout(silenceMs, () => connection.destroy());
    connection.on('end', () => connection.destroy());
    let work = Promise.resolve();
    connection.on('data', (chunk: Buffer) => {
      // What is answered is read to its end before more is taken: the answers of one that does not read are bounded so.
      connection.pause();
      work = work
        .then(() => this.#take({ connection, reader, allowance, containerId }, chunk))
        .then(() => drained(connection))
        .then(() => void connection.resume())
        .catch(() => void connection.destroy());
    });
    connection.write(greeting());
  }

  /** Throws what ends the connection. */
  async #take({ connection, reader, allowance, containerId }: Client, chunk: Buffer): Promise<void> {
    for (const event of reader.push(chunk)) {
      while (!connection.destroyed && !allowance.take()) await sleep(this.#parts.clock, pauseMs);
      if (connection.destroyed) return;
      if (event.kind === 'greeted') connection.write(readyCommand('REP', ''));
      else if (event.kind === 'ping') connection.write(pongCommand(event.context));
      else if (event.kind === 'left-out') throw new Error('the request is too long');
      else if (event.kind === 'message') {
        // A request comes behind an empty frame, before which its way back may stand.
        const start = event.frames.findIndex(({ length }) => length === 0) + 1;
        const answer = await this.answer(event.frames.slice(start), containerId());
        connection.write(messageOf([...event.frames.slice(0, start), ...answer]));
      }
    }
  }

  /** The frames of the answer to those of a request: a number that says how it went, and a value or a text. Never rejects. */
  async answer([action, ...args]: Frames, container: ContainerId | null): Promise<Frames> {
    const name = Buffer.from(action ?? []).toString('latin1');
    try {
      if (name === 'is-jail-enabled') return [integer(0), integer(this.#parts.isJail ? 1 : 0)];
      if (name === 'host-pid-to-container-pid' || name === 'container-pid-to-host-pid')
        return [integer(0), integer(await this.#lookUp(name, args, container))];
      return [integer(-2), Buffer.from('Invalid action')];
    } catch (error) {
      return [integer(-1), Buffer.from(`Error: ${toKerneletError(error).message}`)];
    }
  }

  async #lookUp(action: string, [named, number]: Frames, container: ContainerId | null): Promise<number> {
    if (container === null || Buffer.from(named ?? []).toString('latin1') !== container)
      throw new KerneletError('INVALID_ARGUMENT', 'this is not the container of the kernel that asks');
    if (number?.length !== 4) throw new KerneletError('INVALID_ARGUMENT', 'the number of a process has four bytes');
    const pid = read(Buffer.from(number));
    const signal = AbortSignal.timeout(answerMs);
    using _turn = await this.#turns.acquire(container, signal);
    const found =
      action === 'host-pid-to-container-pid'
        ? await this.#processes.inContainer(container, pid, signal)
        : await this.#processes.onHost(container, pid, signal);
    await sleep(this.#parts.clock, pauseMs, signal);
    return found;
  }
}

/** As C has them on this machine. */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  if (endianness() === 'LE') bytes.writeInt32LE(value);
  else bytes.writeInt32BE(value);
  return bytes;
}

function read(bytes: Buffer): number {
  return endianness() === 'LE' ? bytes.readInt32LE() : bytes.readInt32BE();
}
