/** A hostile registry of images: it refuses everybody, and repeats in its refusal what it was shown. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface EchoRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT`: engines speak plain HTTP with a registry there. */
  readonly host: string;
  /** What it was shown last, as it repeats it. */
  readonly shown: () => string;
}

export async function startEchoRegistry(): Promise<EchoRegistry> {
  let shown = '';
  const server = createServer(({ headers, url }, response) => {
    const { authorization } = headers;
    if (authorization === undefined) {
      return void response.writeHead(401, { 'www-authenticate': 'Basic realm="echo"' }).end('{}');
    }
    if (url === '/v2/') return void response.end('{}');
    const [, encoded = ''] = authorization.split(' ');
    shown = `${authorization} is ${Buffer.from(encoded, 'base64')}`;
    const errors = [{ code: 'DENIED', message: shown }];
    response.writeHead(403, { 'content-type': 'application/json' }).end(JSON.stringify({ errors }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    shown: () => shown,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
