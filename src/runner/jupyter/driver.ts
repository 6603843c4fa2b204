/** Between the runner, on descriptor 3, and one kernel: the life of the two together. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { systemClock } from '../../lib/clock.ts';
import { startIsOver } from '../collect-garbage.ts';
import type { FromDriver, ToDriver } from '../driver-protocol.ts';
import { LineReader } from '../tenant-streams.ts';
import { howItEnded, type Kernel, type KernelExit } from './kernel.ts';
import type { Kernelspec } from './kernelspecs.ts';
import { MessageFormat } from './messages.ts';
import { KernelSession } from './session.ts';
import { makeSocketFolder } from './socket-folder.ts';
import { startKernel } from './start-kernel.ts';

const clock = systemClock;
/** From its start until the kernel answers: less than the runner waits for a driver. */
const startTimeoutMs = 55_000;
/** What may wait for the runner. A kernel drops what it publishes and nobody reads, so this much is kept for it here. */
const maxWaitingBytes = 32 * 1024 * 1024;
/** For a kernel to end that was asked to. */
const endTimeoutMs = 2000;

/** An event as it goes to the runner. */
export const lineOf = (event: FromDriver): string => `${JSON.stringify(event)}\n`;

/** Starts one kernel and serves until either side ends. */
export class Driver {
  readonly #runner: Socket;
  readonly #spec: Kernelspec;
  readonly #environ: NodeJS.ProcessEnv;
  readonly #key = randomBytes(32).toString('hex');
  readonly #session: KernelSession;
  readonly #giveUp = new AbortController();
  #kernel: Kernel | null = null;
  #isPaused = false;
  #isQuitting = false;

  constructor(runner: Socket, spec: Kernelspec, environ: NodeJS.ProcessEnv) {
    this.#runner = runner;
    this.#spec = spec;
    this.#environ = environ;
    this.#session = new KernelSession({
      clock,
      format: new MessageFormat(this.#key, randomUUID()),
      newId: randomUUID,
      send: (channel, frames) => this.#kernel?.send(channel, frames),
      tell: (event) => this.#tell(event),
      // The kernel and its children are in our process group; we are deaf to it.
      signalInterrupt: spec.interruptMode === 'signal' ? () => void process.kill(0, 'SIGINT') : null,
      quitting: () => this.#quit(),
    });
  }

  /** Serves as long as both sides live, and then ends the process. */
  async serve(): Promise<never> {
    process.on('SIGINT', () => {});
    process.on('SIGTERM', () => this.#end());
    this.#runner.on('error', () => {}); // It is closed then.
    this.#runner.on('close', () => this.#end());
    this.#listen();
    try {
      const kernel = await this.#start();
      startIsOver(clock);
      this.#tell({ ev: 'ready', interruptByLine: true, streamsAreCopies: kernel.hasOwnOutput });
      return await this.#endLike(await kernel.ended);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#tell({
        ev: 'unable',
        isMissing: false,
        reason: `the Jupyter kernel ${this.#spec.name} did not start: ${why}`,
      });
      await this.#flush();
      this.#kernel?.kill();
      process.exit(1);
    }
  }

  async #start(): Promise<Kernel> {
    const [spec, environ, { signal }] = [this.#spec, this.#environ, this.#giveUp];
    using _timer = clock.after(startTimeoutMs, () => this.#giveUp.abort());
    using folder = makeSocketFolder([environ['TMPDIR'], '/tmp', environ['HOME']]);
    const kernel = await startKernel(
      {
        ...{ spec, environ, folder: folder.path, key: this.#key, identity: randomUUID(), clock },
        message: (channel, frames) => this.#session.receive(channel, frames),
        leftOut: (bytes) => this.#session.leftOut(bytes),
      },
      signal,
    );
    this.#kernel = kernel;
    const failed = Promise.withResolvers<never>();
    void kernel.ended.then((exit) => failed.reject(new Error(`it ended with ${howItEnded(exit)}`)));
    signal.addEventListener('abort', () => failed.reject(new Error('it did not answer in time')), { once: true });
    failed.promise.catch(() => {}); // Its end after the start is told by `endLike`.
    await Promise.race([this.#session.greet(), failed.promise]);
    return kernel;
  }

  #listen(): void {
    const lines = new LineReader();
    this.#runner.on('data', (chunk: Buffer) => {
      for (const line of lines.push(chunk)) this.#obey(JSON.parse(line) as ToDriver);
    });
  }

  #obey(command: ToDriver): void {
    switch (command.op) {
      case 'execute':
        this.#session.execute(command);
        break;
      case 'interrupt':
        this.#session.interrupt(command.id);
        break;
      case 'input':
        this.#session.input(command.text);
        break;
      case 'complete':
        this.#session.complete(command);
        break;
    }
  }

  #tell(event: FromDriver): void {
    this.#runner.write(lineOf(event));
    if (this.#isPaused || this.#runner.writableLength <= maxWaitingBytes) return;
    this.#isPaused = true;
    this.#kernel?.pause();
    this.#runner.once('drain', () => {
      this.#isPaused = false;
      this.#kernel?.resume();
    });
    const text =
      'kernelet: output is read more slowly than the Jupyter kernel prints it, so some of it may be missing\n';
    this.#runner.write(lineOf({ ev: 'stream', name: 'stderr', text }));
  }

  #quit(): void {
    this.#isQuitting = true;
    clock.after(endTimeoutMs, () => this.#kernel?.kill());
  }

  /** Whoever started us ends or has ended. */
  #end(): void {
    this.#giveUp.abort();
    this.#session.shutDown();
    clock.after(endTimeoutMs, () => void process.kill(0, 'SIGKILL'));
  }

  /** Our end is the kernel's, by which the runner knows what became of the query. */
  async #endLike(exit: KernelExit): Promise<never> {
    const { code, signal } = exit;
    if (this.#session.isBusy && signal === null) {
      const text = `kernelet: the Jupyter kernel ${this.#spec.name} ended with ${howItEnded(exit)}: its variables are lost\n`;
      this.#tell({ ev: 'stream', name: 'stderr', text });
    }
    await this.#flush();
    if (this.#isQuitting) process.exit(0);
    if (signal !== null) {
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    }
    process.exit(code ?? 1);
  }

  #flush(): Promise<void> {
    return new Promise((resolve) => {
      this.#runner.end(resolve);
      this.#runner.once('close', () => resolve());
    });
  }
}
