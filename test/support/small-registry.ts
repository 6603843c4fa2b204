/** A registry of images with one image, for tests of pulling: engines speak plain HTTP with those on the loopback. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { packFiles } from '../../src/lib/tar.ts';

const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

interface Blob {
  readonly bytes: Uint8Array;
  readonly type: string;
}

const types = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
} as const;

/** The registry. Disposing ends it. */
export class SmallRegistry implements AsyncDisposable {
  readonly #server: Server;
  readonly #blobs = new Map<string, Blob>();
  readonly #auth: string | null;
  #manifest: Blob = { bytes: new Uint8Array(), type: types.manifest };
  /** How often the image was begun to be pulled. */
  pulls = 0;
  /** While set, nothing is answered but what asks for no image. */
  isHanging = false;
  /** The id that the image has in an engine. */
  imageId = '';

  private constructor(server: Server, auth: string | null) {
    this.#server = server;
    this.#auth = auth;
  }

  /** Starts one; with credentials it answers those only who have them. */
  static async start(credentials: { username: string; password: string } | null = null): Promise<SmallRegistry> {
    const server = createServer();
    const auth =
      credentials && `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
    const registry = new SmallRegistry(server, auth);
    server.on('request', (request, response) => registry.#answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await registry.publish('one');
    return registry;
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get canonical(): string {
    return `${this.host}/stable/thing:1`;
  }

  /** Puts another image in the place of the one that is there. */
  async publish(content: string): Promise<void> {
    const tar = Buffer.from(await new Response(packFiles([{ name: 'content', content, mode: 0o644 }])).arrayBuffer());
    const layer = this.#keep(gzipSync(tar), types.layer);
    const config = this.#keep(
      Buffer.from(
        JSON.stringify({
          architecture: 'amd64',
          os: 'linux',
          config: { Labels: { 'ai.backend.kernelspec': '1', 'ai.backend.runtime-type': 'shell' } },
          rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
        }),
      ),
      types.config,
    );
    const manifest = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
    this.imageId = config.digest;
    this.#manifest = { bytes: Buffer.from(JSON.stringify(manifest)), type: types.manifest };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #keep(bytes: Uint8Array, type: string) {
    const digest = digestOf(bytes);
    this.#blobs.set(digest, { bytes, type });
    return { mediaType: type, size: bytes.length, digest };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { url = '', method, headers } = request;
    if (this.#auth !== null && headers.authorization !== this.#auth) {
      response
        .writeHead(401, { 'www-authenticate': 'Basic realm="small"' })
        .end('{"errors":[{"code":"UNAUTHORIZED"}]}');
      return;
    }
    if (url === '/v2/') return void response.end('{}');
    if (this.isHanging) return;
    const name = url.split('/').pop() ?? '';
    const found = url.includes('/manifests/') ? this.#manifest : this.#blobs.get(name);
    if (!found) return void response.writeHead(404).end();
    if (url.endsWith('/manifests/1')) this.pulls += 1;
    response.writeHead(200, {
      'content-type': found.type,
      'content-length': found.bytes.length,
      'docker-content-digest': digestOf(found.bytes),
    });
    response.end(method === 'HEAD' ? undefined : found.bytes);
  }
}
