import { describe, expect, it } from 'vitest';
import { KerneletError } from '../lib/errors.ts';
import { encodeErrorFrame, encodeKeepAliveFrame, encodeRunFrame } from '../protocol/run-frames.ts';
import { type ApiCall, ApiExchange } from './api-exchange.ts';

const get: ApiCall<'followEvents'> & ApiCall<'followRun'> = { method: 'GET', path: '/' };

/** The exchange with an API that answers every request with this. */
function answering(status: number, ...pieces: readonly (string | Uint8Array)[]): ApiExchange {
  return new ApiExchange({
    async send() {
      const body = (async function* () {
        for (const piece of pieces) yield Buffer.from(piece);
      })();
      return { status, header: () => undefined, body };
    },
    connect: () => Promise.reject(new Error('unexpected')),
    async [Symbol.asyncDispose]() {},
  });
}

const eventsOf = async (api: ApiExchange): Promise<string[]> => {
  const seen: string[] = [];
  for await (const document of await api.events(get)) seen.push(JSON.stringify(document));
  return seen;
};

describe('replies of the API', () => {
  it('are read as JSON, however they are cut', async () => {
    expect(await answering(200, '{"a"', ':"ö"}').json(get)).toEqual({ a: 'ö' });
  });

  it('with an error status are the error that they report', async () => {
    const reply = '{"error":{"code":"KERNEL_NOT_FOUND","message":"no kernel 3","context":{"id":"3"}}}';
    await expect(answering(404, reply).json(get)).rejects.toMatchObject({
      code: 'KERNEL_NOT_FOUND',
      message: 'no kernel 3',
      context: { id: '3' },
    });
  });

  it.each(['{}', 'null', '{"error":{"code":"NEW_CODE"}}', '{"error":{"code":"toString"}}'])(
    'with an error status and %s are a defect',
    async (text) => {
      await expect(answering(500, text).send(get)).rejects.toMatchObject({ code: 'INTERNAL' });
    },
  );

  it('that are not JSON are a PROTOCOL_ERROR', async () => {
    for (const api of [answering(200, '<html>'), answering(502, '')]) {
      await expect(api.json(get)).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
    }
  });

  it('of events end with the error that one of them reports', async () => {
    expect(await eventsOf(answering(200, 'data: 1\n\nda', 'ta: 2\n\n'))).toEqual(['1', '2']);
    const error = 'event: error\ndata: {"code":"KERNEL_DIED","message":"it died"}\n\n';
    await expect(eventsOf(answering(200, 'data: 1\n\n', error))).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    await expect(eventsOf(answering(404, '{"error":{"code":"RUN_NOT_FOUND"}}'))).rejects.toMatchObject({
      code: 'RUN_NOT_FOUND',
    });
  });

  it('with the events of a run are frames, however they are cut, and end with the error that one of them reports', async () => {
    const started = { n: 1, event: { kind: 'started' }, body: new Uint8Array() } as const;
    const printed = { n: 2, event: { kind: 'stdout' }, body: Uint8Array.of(255, 0, 10) } as const;
    const error = new KerneletError('KERNEL_DIED', 'it died').toDocument();
    const events = Buffer.concat([...encodeRunFrame(started), ...encodeKeepAliveFrame(), ...encodeRunFrame(printed)]);
    const read = async (...pieces: Uint8Array[]): Promise<unknown[]> => {
      const seen: unknown[] = [];
      for await (const event of await answering(200, ...pieces).runEvents(get)) seen.push(event);
      return seen;
    };
    expect(await read(events.subarray(0, 11), events.subarray(11))).toMatchObject([
      { n: 1, event: { kind: 'started' } },
      { n: 2, event: { kind: 'stdout' }, body: printed.body },
    ]);
    await expect(read(events, ...encodeErrorFrame(error))).rejects.toMatchObject({ code: 'KERNEL_DIED' });
    await expect(read(Buffer.from('<html>  '))).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
  });
});
