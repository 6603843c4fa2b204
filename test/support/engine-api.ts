/** The engine's API for tests: what must be seen or done behind the program's back. */
import { request } from 'node:http';

const socketPath = (): string => (process.env['DOCKER_HOST'] ?? '').replace(/^unix:\/\//, '');

/** Sends a request, with a body as JSON when there is one; resolves with status and text. */
export function engineCall(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const asked = request(
      { socketPath: socketPath(), method, path: `/v1.41${path}`, headers, timeout: 30_000 },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() }));
        response.on('error', reject);
      },
    );
    asked.on('timeout', () => asked.destroy(new Error(`the engine does not answer ${method} ${path}`)));
    asked.on('error', reject);
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A listing of the engine. */
export async function engineGet(path: string): Promise<readonly unknown[]> {
  const { status, text } = await engineCall('GET', path);
  const list: unknown = JSON.parse(text);
  if (status !== 200 || !Array.isArray(list)) throw new Error(`GET ${path}: ${status} ${text.slice(0, 300)}`);
  return list;
}
