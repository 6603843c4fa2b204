/** Images over the Docker API. */

import { redactText } from '../../lib/redaction.ts';
import type { EngineImage, ImageRemoval, Progress, RegistryAuth } from '../engine.ts';
import { engineWords, imageNotFound, statusOf } from './failure.ts';
import { referencePath, splitReference } from './names.ts';
import { ProgressReader } from './progress.ts';
import { child, fields, JsonLines, list, number, text, textMap, texts } from './replies.ts';
import { type EngineRequest, inspectEach } from './transport.ts';
import type { VersionedTransport } from './versioned-transport.ts';

/** What is done with an image, for the error when it fails. */
interface ImageWork {
  readonly code: 'IMAGE_PULL_FAILED' | 'IMAGE_BUILD_FAILED' | 'IMAGE_PUSH_FAILED';
  readonly reference: string;
  /** What a registry is shown, and may repeat. */
  readonly secrets?: readonly string[];
}

/** The image part of an engine. */
export class DockerImages {
  readonly #transport: VersionedTransport;

  constructor(transport: VersionedTransport) {
    this.#transport = transport;
  }

  /** Every image in detail; one that goes meanwhile is left out. */
  async list(signal: AbortSignal): Promise<readonly EngineImage[]> {
    const { value } = await this.#transport.json(
      { method: 'GET', path: '/images/json', what: 'list the images' },
      signal,
    );
    const ids = list(value).map((item) => text(fields(item), 'Id'));
    return await inspectEach(ids, (id) => this.#inspect(id, signal));
  }

  async inspect(reference: string, signal: AbortSignal): Promise<EngineImage> {
    const image = await this.#inspect(reference, signal);
    if (image) return image;
    throw imageNotFound(reference);
  }

  async pull(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, tag } = splitReference(reference);
    const request: EngineRequest = {
      method: 'POST',
      path: '/images/create',
      query: { fromImage: repository, tag },
      what: `pull image ${reference}`,
      ...(options.auth ? { headers: { 'X-Registry-Auth': registryAuthHeader(options.auth) } } : {}),
    };
    await this.#follow(
      request,
      { code: 'IMAGE_PULL_FAILED', reference, secrets: secretsOf(options.auth) },
      options.onProgress,
      signal,
    );
  }

  async push(
    reference: string,
    options: { auth?: RegistryAuth; onProgress?: (progress: Progress) => void },
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, tag } = splitReference(reference);
    const request: EngineRequest = {
      method: 'POST',
      path: `/images/${referencePath(repository)}/push`,
      query: { tag },
      what: `push image ${reference}`,
      // The engine wants the header also from those who have no credentials.
      headers: { 'X-Registry-Auth': registryAuthHeader(options.auth) },
    };
    await this.#follow(
      request,
      { code: 'IMAGE_PUSH_FAILED', reference, secrets: secretsOf(options.auth) },
      options.onProgress,
      signal,
    );
  }

  async *export(reference: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/images/${referencePath(reference)}/get`,
      what: `export image ${reference}`,
      // The engine lays the whole archive out on its disk before its first byte.
      unbounded: true,
    };
    try {
      yield* this.#transport.chunks(await this.#transport.stream(request, signal), request, signal);
    } catch (thrown) {
      throw statusOf(thrown) === 404 ? imageNotFound(reference) : thrown;
    }
  }

  async build(
    context: ReadableStream<Uint8Array>,
    options: {
      reference: string;
      buildArguments: Readonly<Record<string, string>>;
      labels: Readonly<Record<string, string>>;
      onProgress?: (progress: Progress) => void;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { repository, tag } = splitReference(options.reference);
    const request: EngineRequest = {
      method: 'POST',
      path: '/build',
      query: {
        t: `${repository}:${tag}`,
        version: '1',
        rm: '1',
        forcerm: '1',
        buildargs: JSON.stringify(options.buildArguments),
        labels: JSON.stringify(options.labels),
      },
      what: `build image ${options.reference}`,
      headers: { 'Content-Type': 'application/x-tar' },
      stream: context,
    };
    await this.#follow(
      request,
      { code: 'IMAGE_BUILD_FAILED', reference: options.reference },
      options.onProgress,
      signal,
    );
  }

  async import(tar: ReadableStream<Uint8Array>, reference: string, signal: AbortSignal): Promise<void> {
    const { repository, tag } = splitReference(reference);
    const request: EngineRequest = {
      method: 'POST',
      path: '/images/create',
      query: { fromSrc: '-', repo: repository, tag },
      what: `import image ${reference}`,
      headers: { 'Content-Type': 'application/x-tar' },
      stream: tar,
    };
    await this.#follow(request, { code: 'IMAGE_BUILD_FAILED', reference }, undefined, signal);
  }

  async tag(reference: string, newReference: string, signal: AbortSignal): Promise<void> {
    const { repository, tag } = splitReference(newReference);
    const request: EngineRequest = {
      method: 'POST',
      path: `/images/${referencePath(reference)}/tag`,
      query: { repo: repository, tag },
      what: `tag image ${reference} as ${newReference}`,
      idempotent: true,
    };
    try {
      await this.#transport.json(request, signal);
    } catch (thrown) {
      throw statusOf(thrown) === 404 ? imageNotFound(reference) : thrown;
    }
  }

  async remove(reference: string, options: ImageRemoval, signal: AbortSignal): Promise<void> {
    const request: EngineRequest = {
      method: 'DELETE',
      path: `/images/${referencePath(reference)}`,
      query: { force: options.force ? '1' : '0', noprune: options.keepParents ? '1' : '0' },
      what: `remove image ${reference}`,
      idempotent: true,
      accept: [404],
    };
    await this.#transport.json(request, signal);
  }

  async #inspect(reference: string, signal: AbortSignal): Promise<EngineImage | null> {
    const request: EngineRequest = {
      method: 'GET',
      path: `/images/${referencePath(reference)}/json`,
      what: `inspect image ${reference}`,
      accept: [404],
    };
    const { status, value } = await this.#transport.json(request, signal);
    return status === 404 ? null : readImage(value);
  }

  async #follow(
    request: EngineRequest,
    { code, reference, secrets = [] }: ImageWork,
    onProgress: ((progress: Progress) => void) | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const reader = new ProgressReader();
    const lines = new JsonLines();
    let reason: string | undefined;
    const take = (documents: ReturnType<JsonLines['push']>): void => {
      for (const document of documents) {
        const line = reader.read(document);
        if (line.kind === 'progress') onProgress?.(line.progress);
        if (line.kind === 'failure') reason ??= line.reason;
      }
    };
    try {
      const reply = await this.#transport.stream({ ...request, unbounded: true }, signal);
      for await (const chunk of this.#transport.chunks(reply, request, signal)) take(lines.push(chunk));
      take(lines.end());
    } catch (thrown) {
      if (statusOf(thrown) === undefined) throw thrown;
      throw reader.failure(code, reference, redactText(engineWords(thrown), secrets));
    }
    if (reason !== undefined) throw reader.failure(code, reference, redactText(reason, secrets));
  }
}

function readImage(value: unknown): EngineImage {
  const image = fields(value);
  const config = child(image, 'Config');
  return {
    id: text(image, 'Id'),
    references: texts(image, 'RepoTags').filter((reference) => reference !== '<none>:<none>'),
    digests: texts(image, 'RepoDigests').filter((digest) => digest !== '<none>@<none>'),
    architecture: text(image, 'Architecture'),
    os: text(image, 'Os'),
    labels: textMap(config, 'Labels'),
    environ: texts(config, 'Env'),
    command: [...texts(config, 'Entrypoint'), ...texts(config, 'Cmd')],
    volumes: Object.keys(child(config, 'Volumes')),
    sizeBytes: number(image, 'Size'),
    createdAt: text(image, 'Created'),
  };
}

/** The password, as it is and as registries are sent it. */
const secretsOf = (auth: RegistryAuth | undefined): readonly string[] =>
  auth ? [auth.password, Buffer.from(`${auth.username}:${auth.password}`).toString('base64')] : [];

/**
 * Credentials for the header `X-Registry-Auth`: JSON in base64 for addresses, filled up: an engine takes what isn't for no credentials at all, without a word. Without
 * credentials it is an empty object, since a push needs the header.
 */
export function registryAuthHeader(auth: RegistryAuth | undefined): string {
  const fields = auth ? { username: auth.username, password: auth.password, serveraddress: auth.serverAddress } : {};
  return Buffer.from(JSON.stringify(fields)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}
