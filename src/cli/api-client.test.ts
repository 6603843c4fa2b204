import { expect, it } from 'vitest';
import type { LogPiece } from '../agent/agent.ts';
import { encodeLogPiece } from '../http/event-stream.ts';
import { ApiClient } from './api-client.ts';

/** The pieces of a log that an API answers with. */
async function logOf(reply: Uint8Array) {
  const body = (async function* () {
    yield reply;
  })();
  const client = new ApiClient({
    send: async () => ({ status: 200, header: () => undefined, body }),
    connect: async () => ({ status: 404, header: () => undefined, body }),
    async [Symbol.asyncDispose]() {},
  });
  const pieces: LogPiece[] = [];
  for await (const piece of await client.logs('3f2a', false, new AbortController().signal)) pieces.push(piece);
  return pieces;
}

it('a piece of a log comes out as the API wrote it', async () => {
  const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  const [piece] = await logOf(encodeLogPiece('stderr', everyByte));
  expect(piece?.stream).toBe('stderr');
  expect(Buffer.from(piece?.data ?? [])).toEqual(everyByte);
});

it.each(['', '[', 'null', '{"stream":"stdout"}'])('what is no piece of a log is a PROTOCOL_ERROR: %j', async (text) => {
  await expect(logOf(Buffer.from(`data: ${text}\n\n`))).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
});
