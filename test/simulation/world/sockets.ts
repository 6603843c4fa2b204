/** UNIX sockets and ports of a simulated machine: what is written arrives after a moment, in order. */
import { EventEmitter } from 'node:events';
import type { SeededRandom } from '../../support/random.ts';
import type { Disk } from './disk.ts';
import type { Inode } from './inode.ts';
import { systemError } from './memory-files.ts';
import type { Owner, Timeline } from './timeline.ts';

/** Bytes under way above which a writer is asked to wait. */
const highWater = 64 * 1024;

/** One end of a connection, as far as the agent and the runner use `net.Socket`. */
export class SimulatedSocket extends EventEmitter {
  readonly owner: Owner;
  destroyed = false;
  readonly errored: Error | null = null;
  writableLength = 0;
  writableNeedDrain = false;
  peer: SimulatedSocket | null = null;
  readonly #timeline: Timeline;
  readonly #delayMs: () => number;
  readonly #arrived: Buffer[] = [];
  #hasEnded = false;
  #isPaused = false;
  #lastArrival = 0;

  constructor(owner: Owner, timeline: Timeline, delayMs: () => number) {
    super();
    this.owner = owner;
    this.#timeline = timeline;
    this.#delayMs = delayMs;
  }

  override on(name: string, listener: (...args: unknown[]) => void): this {
    super.on(name, listener);
    if (name === 'data') this.#flowSoon();
    return this;
  }

  write(bytes: Uint8Array): boolean {
    if (this.destroyed) return false;
    const { length } = bytes;
    const copy = Buffer.from(bytes);
    this.writableLength += length;
    this.#later((peer) => {
      this.writableLength -= length;
      if (this.writableNeedDrain && this.writableLength < highWater) {
        this.writableNeedDrain = false;
        this.#timeline.schedule(0, this.owner, () => this.destroyed || this.emit('drain'));
      }
      peer.#arrived.push(copy);
      peer.#flow();
    });
    this.writableNeedDrain ||= this.writableLength > highWater;
    return !this.writableNeedDrain;
  }

  cork(): void {}
  uncork(): void {}

  pause(): this {
    this.#isPaused = true;
    return this;
  }

  resume(): this {
    this.#isPaused = false;
    this.#flowSoon();
    return this;
  }

  end(): this {
    this.#later((peer) => peer.#endOfPeer());
    return this;
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.#later((peer) => peer.#endOfPeer());
    this.#timeline.schedule(0, this.owner, () => this.emit('close'));
    return this;
  }

  /** In order, whatever each piece takes. */
  #later(deliver: (peer: SimulatedSocket) => void): void {
    const { peer } = this;
    if (!peer) return;
    this.#lastArrival = Math.max(this.#lastArrival, this.#timeline.now + this.#delayMs());
    this.#timeline.schedule(this.#lastArrival - this.#timeline.now, peer.owner, () => {
      if (!peer.destroyed) deliver(peer);
    });
  }

  #flowSoon(): void {
    if (this.#arrived.length > 0 || this.#hasEnded) this.#timeline.schedule(0, this.owner, () => this.#flow());
  }

  #flow(): void {
    while (!this.#isPaused && !this.destroyed && this.listenerCount('data') > 0) {
      const piece = this.#arrived.shift();
      if (!piece) break;
      this.emit('data', piece);
    }
    if (this.#hasEnded && this.#arrived.length === 0 && !this.#isPaused && !this.destroyed) {
      this.emit('end');
      this.destroy();
    }
  }

  #endOfPeer(): void {
    this.#hasEnded = true;
    this.#flow();
  }
}

/** A server, as far as `net.Server` is used. */
class SimulatedServer extends EventEmitter {
  readonly owner: Owner;
  readonly #network: Sockets;
  #isOpen = false;
  #at: Inode | null = null;

  constructor(network: Sockets, owner: Owner, onConnection?: (socket: SimulatedSocket) => void) {
    super();
    this.#network = network;
    this.owner = owner;
    if (onConnection) this.on('connection', onConnection);
  }

  listen(at: { readonly path: string } | { readonly port: number }): this {
    try {
      this.#at = this.#network.bind(this, at);
      this.#isOpen = true;
      this.#network.soon(this.owner, () => this.emit('listening'));
    } catch (error) {
      this.#network.soon(this.owner, () => this.emit('error', error));
    }
    return this;
  }

  close(closed?: () => void): this {
    if (this.#isOpen && this.#at) this.#network.unbind(this.#at);
    this.#isOpen = false;
    if (closed) this.#network.soon(this.owner, closed);
    return this;
  }

  /** As of `net.Server`: nobody listens any more when it resolves. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isOpen) await new Promise<void>((closed) => this.close(closed));
  }
}

/** All sockets of the machine. */
export class Sockets {
  readonly #timeline: Timeline;
  readonly #disk: Disk;
  readonly #random: SeededRandom;
  readonly #listening = new Map<Inode, SimulatedServer>();
  readonly #open = new Set<SimulatedSocket>();
  /** Whether a port of the machine is taken by somebody. */
  isPortTaken: (port: number) => boolean = () => false;

  constructor(timeline: Timeline, disk: Disk, random: SeededRandom) {
    this.#timeline = timeline;
    this.#disk = disk;
    this.#random = random;
  }

  createServer(onConnection?: (socket: SimulatedSocket) => void): SimulatedServer {
    return new SimulatedServer(this, this.#timeline.current, onConnection);
  }

  /** Connects to the socket at a path. */
  connect(path: string): SimulatedSocket {
    const near = this.#socket(this.#timeline.current);
    this.soon(near.owner, () => {
      if (near.destroyed) return;
      const server = this.#serverAt(path);
      if (!server) {
        near.destroyed = true;
        this.#open.delete(near);
        near.emit('error', systemError('ECONNREFUSED', 'connect', path));
        near.emit('close');
        return;
      }
      const far = this.#socket(server.owner);
      [near.peer, far.peer] = [far, near];
      // Before anything can arrive at it; a program that stands still has accepted nothing yet.
      this.#timeline.schedule(0, server.owner, () => server.emit('connection', far));
      near.emit('connect');
    });
    return near;
  }

  /** How many connections a process has. */
  openOf(owner: Owner): number {
    return [...this.#open].filter((socket) => socket.owner === owner && !socket.destroyed).length;
  }

  /** A process has ended: its connections end for the others, and nobody listens any more. */
  kill(owner: Owner): void {
    for (const [inode, server] of [...this.#listening]) if (server.owner === owner) this.#listening.delete(inode);
    for (const socket of [...this.#open]) {
      if (socket.owner !== owner) continue;
      this.#open.delete(socket);
      socket.destroy();
    }
  }

  bind(server: SimulatedServer, at: { readonly path: string } | { readonly port: number }): Inode | null {
    if ('port' in at) {
      if (this.isPortTaken(at.port)) throw systemError('EADDRINUSE', 'listen', String(at.port));
      return null;
    }
    const inode = this.#disk.files.makeSocket(at.path);
    this.#listening.set(inode, server);
    return inode;
  }

  unbind(inode: Inode): void {
    this.#listening.delete(inode);
  }

  soon(owner: Owner, run: () => void): void {
    this.#timeline.schedule(this.#delayMs(), owner, run);
  }

  #serverAt(path: string): SimulatedServer | undefined {
    try {
      return this.#listening.get(this.#disk.files.find(path, this.#disk.inodeOf, 'connect'));
    } catch {
      return undefined;
    }
  }

  #socket(owner: Owner): SimulatedSocket {
    const socket = new SimulatedSocket(owner, this.#timeline, () => this.#delayMs());
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    return socket;
  }

  #delayMs(): number {
    return 0.05 + this.#random.fraction() * 0.5;
  }
}
