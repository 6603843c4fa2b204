/** A small client of UNIX-socket HTTP servers: the local API and, for the bare figures, the engine. */
import { Agent, type IncomingMessage, request } from 'node:http';

const agents = new Map<string, Agent>();

function agentOf(socketPath: string): Agent {
  const known = agents.get(socketPath);
  if (known) return known;
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  agents.set(socketPath, agent);
  return agent;
}

/** Sends a request and resolves with the response's head; the body is the caller's to read. */
export function open(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath,
        agent: agentOf(socketPath),
        method,
        path,
        headers: {
          ...(payload ? { 'content-type': 'application/json', 'content-length': payload.length } : {}),
          ...headers,
        },
      },
      resolve,
    );
    asked.setTimeout(120_000, () => asked.destroy(new Error(`${method} ${path} takes longer than two minutes`)));
    asked.on('error', reject);
    asked.end(payload);
  });
}

export async function bodyOf(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Sends a request and reads a JSON reply. Rejects when the status is 400 or above. */
export async function call(socketPath: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await open(socketPath, method, path, body);
  const text = (await bodyOf(response)).toString();
  if ((response.statusCode ?? 500) >= 400)
    throw new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 500)}`);
  return text === '' ? null : JSON.parse(text);
}

/** A field of an unknown document, as text. Throws when it is no string. */
export function textField(document: unknown, name: string): string {
  if (typeof document === 'object' && document !== null) {
    const value: unknown = Object.entries(document).find(([key]) => key === name)?.[1];
    if (typeof value === 'string') return value;
  }
  throw new Error(`the reply has no ${name}: ${JSON.stringify(document).slice(0, 300)}`);
}

export function closeConnections(): void {
  for (const agent of agents.values()) agent.destroy();
}
