// Asks an engine on a UNIX socket.
import http from 'node:http';

/** The reply to a GET; undefined when nothing answers within `timeoutMs`. */
export function get(socketPath, path, timeoutMs = 5_000) {
  return new Promise((resolve) => {
    const request = http.request({ socketPath, path, host: 'docker', agent: false }, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', () => resolve(undefined));
      response.on('end', () => resolve({ status: response.statusCode, body: Buffer.concat(parts).toString() }));
    });
    const timer = setTimeout(() => request.destroy(), timeoutMs);
    request.on('close', () => {
      clearTimeout(timer);
      resolve(undefined);
    });
    request.on('error', () => resolve(undefined));
    request.end();
  });
}

/** Whether an engine answers there. */
export async function answers(socketPath, timeoutMs) {
  return (await get(socketPath, '/_ping', timeoutMs))?.status === 200;
}

/** Bridges of the engine's networks on the host, the default one apart. */
export async function bridgesOf(socketPath) {
  const reply = await get(socketPath, '/networks');
  if (reply?.status !== 200) return [];
  return JSON.parse(reply.body)
    .filter((network) => network.Driver === 'bridge')
    .map((network) => network.Options?.['com.docker.network.bridge.name'] ?? `br-${network.Id.slice(0, 12)}`);
}
