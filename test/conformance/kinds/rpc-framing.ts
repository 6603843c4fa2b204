/** Vectors of Callosum's frames: `exchanges` with `messages`. One exchange is a case. */

import { decompressSnappy } from '../../../src/backendai/wire/snappy.ts';
import { byteDifference } from '../notation/compare.ts';
import { itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { framesOf, messageDifference, readMessage, rewriteDifference } from './frames.ts';

export const rpcFraming: VectorKind = {
  name: 'rpc framing',
  recognises: (document) => itemsOf(document, 'exchanges')?.every(({ messages }) => Array.isArray(messages)) ?? false,
  run: (document) =>
    (itemsOf(document, 'exchanges') ?? []).map((exchange) =>
      runCase(String(exchange['name']), () => {
        for (const [index, message] of (itemsOf(exchange, 'messages') ?? []).entries()) {
          const problem = messageProblem(message);
          if (problem) return `message ${index}: ${problem}`;
        }
        return null;
      }),
    ),
};

function messageProblem(message: JsonObject): string | null {
  const read = readMessage(message['frames_hex']);
  const unpacked = message['uncompressed_hex'];
  return (
    messageDifference(read, message) ??
    rewriteDifference(read) ??
    (typeof unpacked === 'string'
      ? byteDifference(decompressSnappy(lastFrame(message), 1e6), unpacked, 'the unpacked data')
      : null)
  );
}

function lastFrame(message: JsonObject): Uint8Array {
  return framesOf(message['frames_hex']).at(-1) ?? new Uint8Array(0);
}
