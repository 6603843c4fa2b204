/**
 * Puts a simulated machine in the place of the real one for all code of this process that is loaded afterwards: time, chance,
 * files, sockets, programs, processors and memory. What reaches past it would make a schedule come out differently when it is played again, which a
 * test sees.
 */
import childProcess from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import { promisify } from 'node:util';
import type { SeededRandom } from '../../support/random.ts';
import type { Cluster } from '../cluster/cluster.ts';
import { Disk } from './disk.ts';
import { type FileCalls, fileCalls } from './file-calls.ts';
import { programsOf } from './programs.ts';
import { Sockets } from './sockets.ts';
import { Owner, type Scheduled, Timeline } from './timeline.ts';

/** When every simulated world begins, in milliseconds since the epoch. */
export const epochMs = Date.UTC(2026, 0, 1);

/** One machine, from its first moment. */
export class Machine {
  /** What is of no process: the engine, the disk, people. */
  readonly world = new Owner('world');
  readonly timeline = new Timeline(this.world);
  readonly disk: Disk;
  readonly sockets: Sockets;
  readonly random: SeededRandom;
  readonly files: FileCalls;
  readonly programs: ReturnType<typeof programsOf>;
  /** What its processes reach elsewhere; whoever makes a world sets it. */
  cluster: Cluster | null = null;

  /** `randomOf`: a source of its own for each part, so that one that draws more changes no other. */
  constructor(randomOf: (part: string) => SeededRandom) {
    this.random = randomOf('chance');
    this.disk = new Disk(this.timeline, randomOf('disk'), epochMs);
    this.sockets = new Sockets(this.timeline, this.disk, randomOf('sockets'));
    this.files = fileCalls(this.disk);
    this.programs = programsOf(this.disk, this.timeline);
  }

  /** Ends a process, as a signal does that it cannot catch. */
  kill(owner: Owner): void {
    owner.end();
    this.disk.kill(owner);
    this.sockets.kill(owner);
  }
}

let machine: Machine | null = null;

/** Makes this machine the one that code sees from now on; null: the real one. */
export function enter(next: Machine | null): void {
  machine = next;
}

/** The machine that code sees, with its cluster. Throws while it is the real one. */
export function theMachine(): Machine & { readonly cluster: Cluster } {
  if (!machine?.cluster) throw new Error('there is no simulated cluster');
  return machine as Machine & { readonly cluster: Cluster };
}

/** A timer, as Node gives one. */
class SimulatedTimer {
  readonly #scheduled: Scheduled;
  constructor(scheduled: Scheduled) {
    this.#scheduled = scheduled;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
  hasRef(): boolean {
    return true;
  }
  cancel(): void {
    this.#scheduled.run = null;
  }
  [Symbol.dispose](): void {
    this.cancel();
  }
}

type Callable = (...args: never[]) => unknown;

/** Puts `simulated` in the place of a function of the real machine, for as long as there is a machine. */
function replace(holder: object, name: string, simulated: (at: Machine) => Callable): void {
  const real = Reflect.get(holder, name) as Callable;
  const replacement = function (this: unknown, ...args: never[]): unknown {
    return machine === null ? Reflect.apply(real, this, args) : simulated(machine)(...args);
  };
  Object.defineProperty(holder, name, { value: replacement, configurable: true, writable: true });
}

function replaceTime(): void {
  const start = (at: Machine, run: () => void, delayMs: number, isTimer: boolean): SimulatedTimer =>
    new SimulatedTimer(at.timeline.schedule(delayMs, at.timeline.current, run, isTimer));
  replace(
    globalThis,
    'setTimeout',
    (at) =>
      (run: () => void, delayMs = 1) =>
        start(at, run, Math.max(1, delayMs), true),
  );
  replace(globalThis, 'setImmediate', (at) => (run: () => void) => start(at, run, 0.01, false));
  replace(globalThis, 'clearTimeout', () => (timer?: SimulatedTimer | null) => timer?.cancel());
  replace(globalThis, 'setInterval', () => () => {
    throw new Error('no part of the agent is known to use an interval');
  });
  replace(Date, 'now', (at) => () => Math.floor(epochMs + at.timeline.now));
  globalThis.Date = new Proxy(Date, {
    construct: (real, args, made) =>
      Reflect.construct(real, machine !== null && args.length === 0 ? [real.now()] : args, made),
  });
  replace(performance, 'now', (at) => () => at.timeline.now);
  replace(AbortSignal, 'timeout', (at) => (delayMs: number) => {
    const controller = new AbortController();
    const reason = new DOMException('The operation was aborted due to timeout', 'TimeoutError');
    start(at, () => controller.abort(reason), delayMs, false);
    return controller.signal;
  });
  // Node keeps what listens to its own until one of them aborts, and those of a killed process never do.
  replace(AbortSignal, 'any', () => (signals: Iterable<AbortSignal>) => {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  });
}

function replaceChance(): void {
  const bytes = (at: Machine, size: number): Buffer =>
    Buffer.from(Array.from({ length: size }, () => at.random.between(0, 255)));
  replace(Math, 'random', (at) => () => at.random.fraction());
  replace(crypto, 'randomBytes', (at) => (size: number) => bytes(at, size));
  // What is in a large buffer matters to nobody: that it is there does.
  replace(crypto, 'randomFillSync', (at) => (buffer: Buffer) => buffer.fill(at.random.between(0, 255)));
  // With what its callers give it: the end alone, or the beginning and the end, which is not among them.
  replace(crypto, 'randomInt', (at) => (...range: number[]) => {
    const [least = 0, end = 0] = range.length === 1 ? [0, ...range] : range;
    return at.random.between(least, end - 1);
  });
  replace(crypto, 'randomUUID', (at) => () => {
    const hex = bytes(at, 16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  });
}

const callNames = ['open', 'close', 'write', 'fdatasync', 'fsync', 'fstat', 'ftruncate', 'readFile', 'stat', 'read'];
const syncNames = ['openSync', 'closeSync', 'mkdirSync', 'readFileSync', 'writeSync', 'readSync', 'fstatSync'];
const otherSyncNames = ['statSync', 'readdirSync', 'existsSync', 'writeFileSync', 'fsyncSync', 'renameSync', 'rmSync'];

const missing = (name: string): never => {
  throw new Error(`the simulated machine has no ${name}`);
};

function replaceFiles(): void {
  for (const name of Object.keys(fs.promises)) {
    if (name === 'constants') continue;
    replace(fs.promises, name, (at) => at.files.promises[name] ?? (() => missing(`fs.promises.${name}`)));
  }
  for (const name of callNames) {
    replace(fs, name, (at) => at.files.callbacks[name] ?? (() => missing(`fs.${name}`)));
  }
  // What `promisify` makes of them has named results.
  const write = fs.write;
  Object.defineProperty(write, promisify.custom, {
    value: (descriptor: number, bytes: Uint8Array) =>
      new Promise((resolve, reject) => {
        write(descriptor, bytes, (error, bytesWritten) => (error ? reject(error) : resolve({ bytesWritten })));
      }),
  });
  for (const name of [...syncNames, ...otherSyncNames]) {
    replace(fs, name, (at) => at.files.sync[name] ?? (() => missing(`fs.${name}`)));
  }
}

function replaceSockets(): void {
  replace(
    net,
    'connect',
    (at) =>
      ({ path }: { path: string }) =>
        at.sockets.connect(path),
  );
  replace(net, 'createServer', (at) => (...args: unknown[]) => {
    // Options come first; of a simulated connection neither half is open longer than the other.
    const onConnection = args.find((one) => typeof one === 'function');
    return at.sockets.createServer(onConnection as never);
  });
  replace(childProcess, 'spawn', (at) => at.programs.spawn as Callable);
}

/** What the machine has, of which `/proc` says the same. */
const processors = Array.from({ length: 16 }, () => ({ model: 'simulated', speed: 1_000 }));
const memoryBytes = 65_536_000 * 1024;

function replaceHost(): void {
  replace(os, 'cpus', () => () => processors);
  replace(os, 'totalmem', () => () => memoryBytes);
  replace(os, 'freemem', () => () => memoryBytes / 2);
}

// Most errors of a simulation are expected, and where each was made costs more than all else.
Error.stackTraceLimit = 0;
replaceTime();
replaceChance();
replaceFiles();
replaceSockets();
replaceHost();
syncBuiltinESMExports();
