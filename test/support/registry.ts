/** A registry of images, as much of its API as an engine needs for pushes and pulls, on this machine alone. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it has been given. */
export interface TestRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines take a registry there for one without certificates. */
  readonly host: string;
  /** Manifests by `name:tag`. */
  readonly manifests: ReadonlyMap<string, Buffer>;
  /** Of those who have shown credentials. */
  readonly users: ReadonlySet<string>;
}

/** Starts one; with a password nobody may write who doesn't show it. */
export async function startRegistry(password?: string): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>();
  const manifests = new Map<string, Buffer>();
  /** The same by digest too, with their types. */
  const documents = new Map<string, { readonly body: Buffer; readonly type: string }>();
  const users = new Set<string>();
  let uploads = 0;

  const admits = (request: IncomingMessage): boolean => {
    const [, encoded = ''] = (request.headers.authorization ?? '').split(' ');
    const [user = '', shown] = Buffer.from(encoded, 'base64').toString().split(':');
    if (shown !== undefined) users.add(user);
    return password === undefined || shown === password;
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = 'GET' } = request;
    const url = new URL(request.url ?? '/', 'http://registry');
    const answer = (
      status: number,
      headers: Record<string, string> = {},
      content: Uint8Array = Buffer.alloc(0),
    ): void => {
      response.writeHead(status, { 'Docker-Distribution-Api-Version': 'registry/2.0', ...headers });
      response.end(method === 'HEAD' ? undefined : content);
    };
    const found = (content: Buffer, type: string): void =>
      answer(
        200,
        { 'Content-Type': type, 'Content-Length': String(content.length), 'Docker-Content-Digest': digestOf(content) },
        content,
      );
    if (!admits(request)) return answer(401, { 'WWW-Authenticate': 'Basic realm="test"' });
    if (url.pathname === '/v2/') return answer(200);
    const [, name = '', kind, rest = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/.exec(url.pathname) ?? [];
    const body = await bodyOf(request);
    if (kind === 'manifests') {
      if (method !== 'PUT') {
        const document = documents.get(`${name}:${rest}`);
        return document ? found(document.body, document.type) : answer(404);
      }
      manifests.set(`${name}:${rest}`, body);
      const document = { body, type: request.headers['content-type'] ?? '' };
      for (const key of [rest, digestOf(body)]) documents.set(`${name}:${key}`, document);
      return answer(201, { 'Docker-Content-Digest': digestOf(body) });
    }
    if (kind !== 'blobs') return answer(404);
    if (method === 'HEAD' || method === 'GET') {
      const blob = blobs.get(rest);
      return blob ? found(blob, 'application/octet-stream') : answer(404);
    }
    if (method === 'POST') {
      uploads += 1;
      blobs.set(String(uploads), Buffer.alloc(0));
      return answer(202, { Location: `/v2/${name}/blobs/uploads/${uploads}`, Range: '0-0' });
    }
    const upload = rest.replace('uploads/', '');
    const held = Buffer.concat([blobs.get(upload) ?? Buffer.alloc(0), body]);
    if (method === 'PATCH') {
      blobs.set(upload, held);
      return answer(202, { Location: `/v2/${name}/blobs/uploads/${upload}`, Range: `0-${held.length - 1}` });
    }
    const digest = url.searchParams.get('digest') ?? '';
    if (digestOf(held) !== digest) return answer(400);
    blobs.delete(upload);
    blobs.set(digest, held);
    return answer(201, { 'Docker-Content-Digest': digest });
  };

  const server: Server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    manifests,
    users,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
