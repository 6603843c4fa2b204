/** Requests of the API about files of kernels. */
import type { ApiBody, ApiReply, FileChange, FileFacts } from '../http/api-types.ts';
import { maxUploadBytes } from '../http/limits.ts';
import { hasCode, KerneletError } from '../lib/errors.ts';
import { type ApiExchange, binaryHeaders, type CallOptions, type StreamOptions } from './api-exchange.ts';
import { kernelPath, query } from './api-paths.ts';
import type { ApiResponse } from './transport.ts';

/** What `ApiClient` asks of files. */
export class FileRequests {
  readonly #api: ApiExchange;
  readonly #answers: () => Promise<boolean>;

  /** `answers`: whether a daemon answers now. */
  constructor(api: ApiExchange, answers: () => Promise<boolean>) {
    this.#api = api;
    this.#answers = answers;
  }

  async upload(
    id: string,
    path: string,
    content: { size: number | null; mode: number; open: () => AsyncIterable<Uint8Array> },
    signal: AbortSignal,
  ): Promise<ApiReply<'uploadFile'>> {
    if (content.size !== null && content.size > maxUploadBytes) {
      // Not sent: the server's refusal could be lost among what it does not read any more.
      const message = `${JSON.stringify(path)} is ${content.size} bytes large, and ${maxUploadBytes} can be uploaded at most`;
      throw new KerneletError('TOO_LARGE', message, { context: { maxUploadBytes } });
    }
    const mode = content.mode.toString(8).padStart(3, '0');
    return await this.#api.json<'uploadFile'>({
      method: 'PUT',
      path: `${kernelPath(id)}/files${query({ path, mode })}`,
      headers: { ...binaryHeaders, ...(content.size === null ? {} : { 'content-length': String(content.size) }) },
      body: content.open,
      signal,
    });
  }

  /** Makes a folder with its parents; one that is there stays as it is. */
  async makeFolder(id: string, path: string, signal: AbortSignal): Promise<void> {
    const target = `${kernelPath(id)}/files${query({ path: path.endsWith('/') ? path : `${path}/` })}`;
    const body = new Uint8Array();
    const headers = binaryHeaders;
    await this.#api.json<'uploadFile'>({ method: 'PUT', path: target, headers, body, idempotent: true, signal });
  }

  async download(
    id: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{
    readonly form: string;
    readonly size: number | null;
    /** Permission bits of a file, when they are known. */
    readonly mode: number | null;
    readonly content: AsyncIterable<Uint8Array>;
  }> {
    const target = `${kernelPath(id)}/files/content${query({ path })}`;
    const response = await this.#api.send<'downloadFile'>({ method: 'GET', path: target, signal });
    const size = response.header('content-length');
    const mode = response.header('x-kernelet-mode');
    return {
      form: response.header('x-kernelet-form') ?? 'file',
      size: size === undefined ? null : Number(size),
      mode: mode === undefined ? null : Number.parseInt(mode, 8) & 0o777,
      content: this.#contentOf(response, path),
    };
  }

  async list(id: string, path: string, { signal }: CallOptions = {}): Promise<ApiReply<'listFiles'>> {
    const target = `${kernelPath(id)}/files${query({ path })}`;
    return await this.#api.json<'listFiles'>({ method: 'GET', path: target, idempotent: true, signal });
  }

  /** What is at a path; with `follow` behind the links there. */
  async stat(id: string, path: string, options: CallOptions & { readonly follow?: boolean } = {}): Promise<FileFacts> {
    const { follow, signal } = options;
    const target = `${kernelPath(id)}/files/stat${query({ path, follow })}`;
    return await this.#api.json<'statFile'>({ method: 'GET', path: target, idempotent: true, signal });
  }

  /** Makes a folder with its parents; whether it was missing. Unlike `makeFolder` it needs a runner of this version. */
  async createFolder(id: string, path: string): Promise<boolean> {
    const target = `${kernelPath(id)}/files/folder`;
    const call = { method: 'POST', path: target, document: { path } } as const;
    return (await this.#api.json<'makeFolder'>(call)).created;
  }

  async move(id: string, document: ApiBody<'moveFile'>): Promise<void> {
    await this.#api.json<'moveFile'>({ method: 'POST', path: `${kernelPath(id)}/files/move`, document });
  }

  /** Removes a file, or with `recursive` a folder; how many files and folders that were. */
  async remove(id: string, path: string, recursive: boolean): Promise<number> {
    const target = `${kernelPath(id)}/files${query({ path, recursive })}`;
    return (await this.#api.json<'removeFile'>({ method: 'DELETE', path: target })).removed;
  }

  /** Unpacks a tar archive into a folder of the kernel. */
  async unpack(
    id: string,
    path: string,
    body: () => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<ApiReply<'unpackArchive'>> {
    const target = `${kernelPath(id)}/files/archive${query({ path })}`;
    const headers = { 'content-type': 'application/x-tar' };
    return await this.#api.json<'unpackArchive'>({ method: 'PUT', path: target, headers, body, signal });
  }

  /** What happens in a folder, from when this resolves until the stream ends or breaks. */
  async watch(
    id: string,
    path: string,
    { recursive, ...options }: StreamOptions & { readonly recursive: boolean },
  ): Promise<AsyncIterable<FileChange>> {
    const target = `${kernelPath(id)}/files/watch${query({ path, recursive })}`;
    return await this.#api.events<'watchFolder'>({ method: 'GET', path: target, idempotent: true, ...options });
  }

  /** A download's bytes. When they are cut off and the daemon is there, the reason lies in the kernel. */
  async *#contentOf({ body }: ApiResponse, path: string): AsyncGenerator<Uint8Array> {
    try {
      yield* body;
    } catch (error) {
      if (!hasCode(error, 'DAEMON_UNREACHABLE') || !(await this.#answers())) throw error;
      const reason = 'it became shorter meanwhile, could not be read on, or its kernel ended or stood still';
      const message = `the download of ${JSON.stringify(path)} was cut off: ${reason}`;
      throw new KerneletError('FILE_ERROR', message, { cause: error });
    }
  }
}
