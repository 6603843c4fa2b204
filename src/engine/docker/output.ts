/** Output of containers: their logs, and commands run in them. */
import type { Clock } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { ContainerId } from '../../lib/ids.ts';
import { Backoff } from '../../lib/retry.ts';
import type { ExecResult, LogChunk } from '../engine.ts';
import { readHasTerminal } from './container-replies.ts';
import type { DockerContainers } from './containers.ts';
import { abortFailure } from './failure.ts';
import { pathSegment, shortId } from './names.ts';
import { fields, flag, number, text } from './replies.ts';
import type { EngineRequest } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

/** The most bytes that a command may print, both streams together: tenants' programs may print for ever. */
const execOutputLimit = 16 * 2 ** 20;

/** The output part of an engine. */
export class DockerOutput {
  readonly #transport: VersionedTransport;
  readonly #containers: DockerContainers;
  readonly #clock: Clock;

  constructor(transport: VersionedTransport, containers: DockerContainers, clock: Clock) {
    this.#transport = transport;
    this.#containers = containers;
    this.#clock = clock;
  }

  /** The log, byte for byte. Throws ENGINE_FAILED (404) when there is no such container. */
  async *logs(
    id: ContainerId,
    options: { follow: boolean; tailLines?: number },
    signal: AbortSignal,
  ): AsyncGenerator<LogChunk, void, undefined> {
    const raw = readHasTerminal(await this.#containers.inspectRaw(id, signal));
    const request: EngineRequest = {
      method: 'GET',
      path: `/containers/${pathSegment(id)}/logs`,
      query: {
        follow: options.follow ? '1' : '0',
        stdout: '1',
        stderr: '1',
        tail: options.tailLines === undefined ? 'all' : String(options.tailLines),
      },
      what: `read the log of container ${shortId(id)}`,
    };
    yield* this.#output(request, raw, signal);
  }

  /**
   * Runs a command to its end. Throws ENGINE_FAILED when it prints more than 16 MiB. When the signal aborts the
   * command goes on in the container, since the engine cannot end it.
   */
  async exec(
    id: ContainerId,
    command: readonly string[],
    options: { user?: string; environ?: readonly string[] },
    signal: AbortSignal,
  ): Promise<ExecResult> {
    const execId = await this.#createExec(id, command, options, signal);
    const request: EngineRequest = {
      method: 'POST',
      path: `/exec/${pathSegment(execId)}/start`,
      what: `run a command in container ${shortId(id)}`,
      json: { Detach: false, Tty: false },
    };
    const parts: Record<LogChunk['stream'], Uint8Array[]> = { stdout: [], stderr: [] };
    let size = 0;
    for await (const { stream, data } of this.#output(request, false, signal)) {
      size += data.length;
      if (size > execOutputLimit) {
        throw new KerneletError(
          'ENGINE_FAILED',
          `the command in container ${shortId(id)} printed more than ${execOutputLimit / 2 ** 20} MiB`,
        );
      }
      parts[stream].push(data);
    }
    const exitCode = await this.#execExitCode(execId, signal);
    return { exitCode, stdout: Buffer.concat(parts.stdout), stderr: Buffer.concat(parts.stderr) };
  }

  async *#output(request: EngineRequest, raw: boolean, signal: AbortSignal): AsyncGenerator<LogChunk, void, undefined> {
    const reply = await this.#transport.stream(request, signal);
    const decoder = new LogFrameDecoder();
    for await (const chunk of this.#transport.chunks(reply, request, signal)) {
      if (raw) yield { stream: 'stdout', data: chunk };
      else yield* decoder.push(chunk);
    }
    if (!decoder.complete) {
      throw new KerneletError('ENGINE_UNAVAILABLE', `the engine broke off while asked to ${request.what}`);
    }
  }

  async #createExec(
    id: ContainerId,
    command: readonly string[],
    options: { user?: string; environ?: readonly string[] },
    signal: AbortSignal,
  ): Promise<string> {
    const request: EngineRequest = {
      method: 'POST',
      path: `/containers/${pathSegment(id)}/exec`,
      what: `run a command in container ${shortId(id)}`,
      json: {
        AttachStdout: true,
        AttachStderr: true,
        Tty: false,
        Cmd: [...command],
        ...(options.user === undefined ? {} : { User: options.user }),
        ...(options.environ === undefined ? {} : { Env: [...options.environ] }),
      },
    };
    return text(fields((await this.#transport.json(request, signal)).value), 'Id');
  }

  /** The output ends when the command closes it, which may be before its end. */
  async #execExitCode(execId: string, signal: AbortSignal): Promise<number> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/exec/${pathSegment(execId)}/json`,
      what: 'report how a command ended',
    };
    const backoff = new Backoff({ initialMs: 5, maximumMs: 500, clock: this.#clock });
    for (;;) {
      const state = fields((await this.#transport.json(request, signal)).value);
      if (!flag(state, 'Running')) return number(state, 'ExitCode');
      await backoff.wait(signal).catch((): never => {
        throw abortFailure(signal, request.what);
      });
    }
  }
}

const headBytes = 8;

/** Takes bytes as they come and gives back output. */
export class LogFrameDecoder {
  readonly #head = new Uint8Array(headBytes);
  #headFilled = 0;
  #stream: LogChunk['stream'] = 'stdout';
  #left = 0;

  /** The output that these bytes hold; the parts are views of `chunk`. Throws ENGINE_FAILED when they are no frames. */
  push(chunk: Uint8Array): readonly LogChunk[] {
    const output: LogChunk[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.#left === 0) {
        at += this.#takeHead(chunk.subarray(at));
        continue;
      }
      const data = chunk.subarray(at, at + this.#left);
      this.#left -= data.length;
      at += data.length;
      output.push({ stream: this.#stream, data });
    }
    return output;
  }

  /** Whether the stream may end here: not in the middle of a frame. */
  get complete(): boolean {
    return this.#headFilled === 0 && this.#left === 0;
  }

  #takeHead(chunk: Uint8Array): number {
    const part = chunk.subarray(0, headBytes - this.#headFilled);
    this.#head.set(part, this.#headFilled);
    this.#headFilled += part.length;
    if (this.#headFilled < headBytes) return part.length;
    this.#headFilled = 0;
    const [kind = 0, ...zeroes] = this.#head.subarray(0, 4);
    if (kind > 2 || zeroes.some((byte) => byte !== 0)) {
      throw new KerneletError('ENGINE_FAILED', `the engine sent output with the head ${kind},${zeroes.join()}`);
    }
    this.#stream = kind === 2 ? 'stderr' : 'stdout';
    this.#left = new DataView(this.#head.buffer).getUint32(4);
    return part.length;
  }
}
