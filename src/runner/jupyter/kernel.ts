/** A Jupyter kernel: its process, and the channels that lead to it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { type Clock, sleep } from '../../lib/clock.ts';
import { addressesOf, type Channel, type ConnectionInfo, channels } from './connection.ts';
import type { KernelCommand } from './kernel-command.ts';
import { ZmtpSocket } from './zmtp-socket.ts';

/** How the process of a kernel ended: by its status or by a signal. */
export interface KernelExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a kernel is started with. */
export interface KernelOptions {
  readonly command: KernelCommand;
  readonly connection: ConnectionInfo;
  /** Our name for its routers. */
  readonly identity: string;
  readonly clock: Clock;
  message(channel: Channel, frames: readonly Buffer[]): void;
  /** A message over the bounds has been left out. */
  leftOut(bytes: number): void;
}

/** There is nobody to connect to: the kernel has ended, or it was not given more time. */
export class NotConnected extends Error {}

const connectAgainMs = 15;
/** For a kernel to end that has closed a channel. */
const closedGraceMs = 1000;
/** For what a kernel has said before it ended to be read. */
const lastWordsMs = 200;

/** A kernel whose channels are connected. */
export class Kernel {
  readonly #process: ChildProcess;
  readonly #sockets: ReadonlyMap<Channel, ZmtpSocket>;
  /** Resolves when it has ended and its last messages have been read. */
  readonly ended: Promise<KernelExit>;

  private constructor(started: StartedProcess, sockets: ReadonlyMap<Channel, ZmtpSocket>, clock: Clock) {
    this.#process = started.process;
    this.#sockets = sockets;
    const closed = [...sockets.values()].map((socket) => socket.closed);
    this.ended = started.exited.then(async (exit) => {
      await Promise.race([Promise.all(closed), sleep(clock, lastWordsMs)]);
      return exit;
    });
    for (const end of closed) {
      void end.then((failure) => {
        if (failure) process.stderr.write(`kernelet: the Jupyter kernel is ended: ${failure.message}\n`);
        // Without one of them it is of no use; kernels close them when they end.
        clock.after(failure ? 0 : closedGraceMs, () => this.kill());
      });
    }
  }

  /** Starts it and connects all channels. Rejects with NotConnected, also when the signal aborts. */
  static async start(options: KernelOptions, signal: AbortSignal): Promise<Kernel> {
    const { command, clock } = options;
    const started = startProcess(command);
    const ended = new AbortController();
    const sockets = new Map<Channel, ZmtpSocket>();
    const giveUp = AbortSignal.any([signal, ended.signal]);
    void started.exited.then(() => ended.abort());
    try {
      const connecting = channels.map(async (channel) => sockets.set(channel, await connect(channel, options, giveUp)));
      await Promise.all(connecting);
      return new Kernel(started, sockets, clock);
    } catch (error) {
      ended.abort();
      for (const socket of sockets.values()) socket[Symbol.dispose]();
      const hasEnded = started.process.exitCode !== null || started.process.signalCode !== null;
      started.process.kill('SIGKILL');
      const how = howItEnded(await started.exited);
      const why = error instanceof Error ? error.message : String(error);
      throw new NotConnected(hasEnded ? `it ended with ${how}` : signal.aborted ? 'it opened no sockets' : why);
    }
  }

  /**
   * Whether it has put something of its own in the place of its standard output, as Python's kernels do: it then sends what
   * its programs print, and gives a copy to the output that it was started with.
   */
  get hasOwnOutput(): boolean {
    try {
      return readlinkSync(`/proc/${this.#process.pid}/fd/1`) !== readlinkSync('/proc/self/fd/1');
    } catch {
      return false;
    }
  }

  send(channel: Channel, frames: readonly Buffer[]): void {
    this.#sockets.get(channel)?.send(frames);
  }

  /** Reads no more of what it publishes until `resume`. */
  pause(): void {
    this.#sockets.get('iopub')?.pause();
  }

  resume(): void {
    this.#sockets.get('iopub')?.resume();
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** For people: `signal SIGKILL`, `status 1`. */
export const howItEnded = ({ code, signal }: KernelExit): string => (signal ? `signal ${signal}` : `status ${code}`);

interface StartedProcess {
  readonly process: ChildProcess;
  readonly exited: Promise<KernelExit>;
}

/** In our process group, so that what ends us ends it too, and what it prints itself goes where what we print goes. */
function startProcess({ argv, environ }: KernelCommand): StartedProcess {
  const [program = '', ...args] = argv;
  const process = spawn(program, args, { env: environ, stdio: ['ignore', 'inherit', 'inherit', 'ignore'] });
  const exited = new Promise<KernelExit>((resolve) => {
    process.once('exit', (code, signal) => resolve({ code, signal }));
    process.once('error', () => {
      if (process.pid === undefined) resolve({ code: 127, signal: null });
    });
  });
  return { process, exited };
}

async function connect(channel: Channel, options: KernelOptions, signal: AbortSignal): Promise<ZmtpSocket> {
  const { connection, identity, clock } = options;
  for (;;) {
    for (const address of addressesOf(connection, channel)) {
      signal.throwIfAborted();
      const socket = await ZmtpSocket.connect(
        address,
        {
          ...{ type: channel === 'iopub' ? 'SUB' : 'DEALER', identity },
          message: (frames) => options.message(channel, frames),
          leftOut: (bytes) => options.leftOut(bytes),
        },
        signal,
      );
      if (socket) return socket;
    }
    await sleep(clock, connectAgainMs, signal);
  }
}
