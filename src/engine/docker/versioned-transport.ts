/**
 * The transport with the API's version in front of every path: the engine's own, within the range that this code was
 * written for, so that a newer engine answers in a known shape.
 */
import { KerneletError } from '../../lib/errors.ts';
import { child, type Fields, fields, list, text } from './replies.ts';
import type { DockerTransport, EngineReply, EngineRequest } from './transport.ts';

const oldest = [1, 41] as const;
const newest = [1, 44] as const;

type ApiVersion = readonly [major: number, minor: number];

/** What the engine says of itself. */
export interface EngineVersion {
  readonly version: string;
  /** The version in use, e.g. `1.41`. */
  readonly apiVersion: string;
  readonly name: string;
  /** What it is made of: `Engine`, `containerd`, `runc`; `Podman Engine` is another. */
  readonly components: readonly string[];
}

/**
 * The API version to speak with an engine that offers `offered` and nothing below `minimum`. Throws ENGINE_UNSUPPORTED
 * when the ranges don't meet.
 */
export function chooseApiVersion(offered: string, minimum: string): string {
  const high = parseVersion(offered);
  const low = parseVersion(minimum) ?? oldest;
  if (!high || isLess(high, oldest)) {
    throw new KerneletError(
      'ENGINE_UNSUPPORTED',
      `the container engine speaks API ${offered || 'of no version'}, but kernelet needs 1.41 or newer (Docker 20.10)`,
    );
  }
  if (isLess(newest, low)) {
    throw new KerneletError(
      'ENGINE_UNSUPPORTED',
      `the container engine speaks only API ${minimum} and newer, but this kernelet knows up to ${newest.join('.')}`,
    );
  }
  return (isLess(high, newest) ? high : newest).join('.');
}

/** Calls below the negotiated version. */
export class VersionedTransport implements Disposable {
  readonly #transport: DockerTransport;
  #version: EngineVersion | undefined;

  constructor(transport: DockerTransport) {
    this.#transport = transport;
  }

  /** Asks once; a failed attempt is made again by the next call. */
  async version(signal: AbortSignal): Promise<EngineVersion> {
    this.#version ??= await this.#negotiate(signal);
    return this.#version;
  }

  async json(request: EngineRequest, signal: AbortSignal): Promise<{ status: number; value: unknown }> {
    return await this.#transport.json(await this.#prefixed(request, signal), signal);
  }

  async stream(request: EngineRequest, signal: AbortSignal): Promise<EngineReply> {
    return await this.#transport.stream(await this.#prefixed(request, signal), signal);
  }

  chunks(reply: EngineReply, request: EngineRequest, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#transport.chunks(reply, request, signal);
  }

  [Symbol.dispose](): void {
    this.#transport[Symbol.dispose]();
  }

  async #prefixed(request: EngineRequest, signal: AbortSignal): Promise<EngineRequest> {
    const { apiVersion } = await this.version(signal);
    return { ...request, path: `/v${apiVersion}${request.path}` };
  }

  async #negotiate(signal: AbortSignal): Promise<EngineVersion> {
    const request: EngineRequest = { method: 'GET', path: '/version', what: 'report its version' };
    const reply: Fields = fields((await this.#transport.json(request, signal)).value);
    return {
      version: text(reply, 'Version'),
      apiVersion: chooseApiVersion(text(reply, 'ApiVersion'), text(reply, 'MinAPIVersion')),
      name: text(child(reply, 'Platform'), 'Name') || 'Docker',
      components: list(reply['Components']).map((component) => text(fields(component), 'Name')),
    };
  }
}

function parseVersion(version: string): ApiVersion | undefined {
  const match = /^(\d{1,4})\.(\d{1,4})$/.exec(version);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

function isLess(one: ApiVersion, other: ApiVersion): boolean {
  return one[0] < other[0] || (one[0] === other[0] && one[1] < other[1]);
}
