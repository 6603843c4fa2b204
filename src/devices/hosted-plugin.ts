/**
 * A third party's device plugin, in a process with a deadline for every call: one that throws, hangs or lies costs what it
 * offers and nothing else. A process that hangs is ended, and the next call starts another.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { withDeadline } from '../lib/deadline.ts';
import { sum } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { assignedIds, sumBySlot } from './device-plugin.ts';
import { deviceProgram } from './device-program.ts';
import type { NodePlugin } from './node-plugin.ts';
import {
  type PluginCall,
  type PluginDescription,
  readAnswers,
  readDescription,
  readHardware,
  readReply,
  slotDevicesOf,
} from './plugin-messages.ts';

/** How to host one. */
export interface HostOptions {
  /** A package, or an absolute path. */
  readonly specifier: string;
  /** A file or folder from which packages are looked for. */
  readonly from: string;
  readonly options: Readonly<Record<string, string>>;
  readonly log: Logger;
  /** For each call; 5 s when absent. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 5_000;
const memoryOption = '--max-old-space-size=128';
const longestReply = 4 * 2 ** 20;
const mostWaiting = 64;

/** The process of one plugin. */
class PluginHost implements AsyncDisposable {
  readonly #options: HostOptions;
  readonly #waiting = new Map<number, PromiseWithResolvers<string>>();
  #running: ChildProcess | null = null;
  #next = 1;
  #isDescribed = false;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** Calls a function of the plugin; answers JSON. Throws NOT_SUPPORTED with its words, DEADLINE_EXCEEDED. */
  async call(method: PluginCall['method'], argument: unknown, signal?: AbortSignal): Promise<string> {
    const { specifier, timeoutMs = defaultTimeoutMs } = this.#options;
    if (this.#waiting.size >= mostWaiting) throw this.#failure('has too many calls under way');
    const id = this.#next++;
    const reply = Promise.withResolvers<string>();
    this.#waiting.set(id, reply);
    try {
      const what = `${method}() of the device plugin ${specifier}`;
      return await withDeadline({ what, timeoutMs, signal }, async () => {
        this.#send({ id, method, argument });
        return await reply.promise;
      });
    } catch (error) {
      // Whatever it is busy with, it would keep every later call waiting.
      if (error instanceof KerneletError && error.code === 'DEADLINE_EXCEEDED') await this.#end('was ended: it hung');
      throw error;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** Asks what it has, which it is told to look for again whenever another process is started. */
  async describe(): Promise<PluginDescription> {
    const json = await this.call('discover', { options: this.#options.options });
    this.#isDescribed = true;
    return readDescription(json);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end('was ended');
  }

  #send(call: PluginCall): void {
    const { specifier, from, options, log } = this.#options;
    if (!this.#running) {
      const program = spawn(process.execPath, [memoryOption, deviceProgram('plugin-program'), specifier, from], {
        // What it prints is no answer, and must not mix with the daemon's own output.
        stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
        env: { PATH: process.env['PATH'] },
      });
      this.#running = program;
      // A broken pipe is the end of the program, which is told below.
      program.stdin?.on('error', () => {});
      const output = program.stdio[3];
      if (output instanceof Readable) this.#readReplies(program, output);
      program.on('error', (error) => this.#forget(program, `cannot be started: ${error.message}`));
      program.on('exit', (status, signal) => {
        if (this.#running === program) log.error('a device plugin ended', { plugin: specifier, status, signal });
        this.#forget(program, `ended by ${signal ?? `status ${status}`}`);
      });
      // What it answers is known already, but it may need to have looked.
      if (this.#isDescribed) this.#write({ id: 0, method: 'discover', argument: { options } });
    }
    this.#write(call);
  }

  #write(call: PluginCall): void {
    this.#running?.stdin?.write(`${JSON.stringify(call)}\n`);
  }

  #readReplies(program: ChildProcess, output: Readable): void {
    let text = '';
    output.setEncoding('utf8');
    output.on('data', (piece: string) => {
      const lines = (text + piece).split('\n');
      text = lines.pop() ?? '';
      if (text.length > longestReply) return void this.#end('was ended: its answer has no end');
      for (const line of lines) this.#settle(program, line);
    });
  }

  #settle(program: ChildProcess, line: string): void {
    try {
      const reply = readReply(line);
      if (reply.id === 0 && 'error' in reply) this.#forget(program, `broke down: ${reply.error}`);
      const waiting = this.#waiting.get(reply.id);
      if ('value' in reply) waiting?.resolve(reply.value);
      else waiting?.reject(this.#failure(`says: ${reply.error}`));
    } catch {
      void this.#end('was ended: it answers what cannot be read');
    }
  }

  async #end(why: string): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#forget(running, why);
    running.kill('SIGKILL');
    if (running.exitCode === null && running.signalCode === null) await once(running, 'exit');
  }

  #forget(program: ChildProcess, why: string): void {
    if (this.#running !== program) return;
    this.#running = null;
    for (const { reject } of this.#waiting.values()) reject(this.#failure(why));
  }

  #failure(problem: string): KerneletError {
    const { specifier } = this.#options;
    return new KerneletError('NOT_SUPPORTED', `the device plugin ${specifier} ${problem}`, {
      context: { plugin: specifier },
    });
  }
}

/** Starts the plugin and asks what it has. Throws what it says, or how it fails. */
export async function hostPlugin(options: HostOptions): Promise<NodePlugin> {
  await using cleanups = new AsyncDisposableStack();
  const host = cleanups.use(new PluginHost(options));
  const plugin = describedPlugin(await host.describe(), host);
  cleanups.move();
  return plugin;
}

function describedPlugin(description: PluginDescription, host: PluginHost): NodePlugin {
  const { kind, strategy, quantum, exclusiveSlots: exclusive } = description;
  const devices = slotDevicesOf(description);
  return {
    ...description,
    devices: description.units.map(({ device }) => device),
    availableSlots: () => {
      const slots = new Map(description.slotTypes.map(([slot]) => [slot, sum([])]));
      return new Map([...slots, ...sumBySlot(devices.map(({ slot, amount }) => [slot, amount] as const))]);
    },
    createMap: () => new AllocationMap({ kind, strategy, quantum, exclusive, devices }),
    async answer(allocation, signal) {
      // A kernel without its devices doesn't depend on the plugin.
      if (assignedIds(allocation).length === 0) return { arguments: {}, resourceData: [], attached: [] };
      const shares = [...allocation].flatMap(([slot, amounts]) =>
        [...amounts].map(([device, amount]) => ({ slot, device, amount: amount.toFixed() })),
      );
      return readAnswers(await host.call('answer', { devices: shares }, signal), allocation);
    },
    async hardware(signal) {
      return readHardware(await host.call('hardware', {}, signal));
    },
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
