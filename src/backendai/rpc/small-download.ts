/** Downloads that fit into a reply: managers take 1 MiB (spec rpc 8.21). */
import type { Agent } from '../../agent/agent.ts';
import { KerneletError } from '../../lib/errors.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { Download } from '../../runner-client/runner-client.ts';

const maxBytes = 1_048_576;

/** A file or folder with its bytes; reading ends at the limit. Throws TOO_LARGE, or what the agent's `download` throws. */
export async function smallDownload(
  agent: Pick<Agent, 'download'>,
  kernel: KernelId,
  path: string,
  signal: AbortSignal,
): Promise<Pick<Download, 'form' | 'name' | 'mode'> & { readonly bytes: Buffer }> {
  const { content, ...facts } = await agent.download(kernel, path, signal);
  return { ...facts, bytes: await collected(content, path) };
}

/** What a stream brings, when it fits into a reply. Throws TOO_LARGE, naming the path. */
export async function collected(content: ReadableStream<Uint8Array>, path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    if (bytes > maxBytes) {
      const name = JSON.stringify(path.slice(0, 200));
      throw new KerneletError('TOO_LARGE', `${name} has more than 1 MiB: download its parts, or read it in the kernel`);
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}
