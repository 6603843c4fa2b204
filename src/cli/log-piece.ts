/** Pieces of a log out of the data of server-sent events. */
import type { LogPiece } from '../agent/agent.ts';
import { KerneletError } from '../lib/errors.ts';

/** Reads the data of a piece. The daemon is trusted to send the members that its schema has. Throws PROTOCOL_ERROR. */
export function decodeLogPiece(data: Buffer): LogPiece {
  try {
    const { stream, body } = JSON.parse(data.toString()) as { stream: 'stdout' | 'stderr'; body: string };
    return { stream, data: Buffer.from(body, 'base64') };
  } catch (cause) {
    throw new KerneletError('PROTOCOL_ERROR', 'the API sent what is no piece of a log', { cause });
  }
}
