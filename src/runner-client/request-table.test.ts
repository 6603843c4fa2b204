import { describe, expect, it } from 'vitest';
import { parseRunId } from '../lib/ids.ts';
import { RequestTable, type SendFrame } from './request-table.ts';
import { clientClosed } from './runner-errors.ts';

const never = new AbortController().signal;
const ping = { method: 'ping', params: null } as const;
const input = { method: 'input', params: { run: parseRunId('r'), text: 'x' } } as const;

describe('RequestTable', () => {
  it('numbers requests and matches replies in any order', async () => {
    const table = new RequestTable();
    const sent: unknown[] = [];
    table.connected((header) => void sent.push(header));
    const first = table.add(ping, { signal: never });
    const second = table.add(ping, { signal: never });
    expect(sent).toMatchObject([{ id: 1 }, { id: 2 }]);
    table.settle({ t: 'reply', id: 2, ok: true, result: 'b' });
    table.settle({ t: 'reply', id: 1, ok: true, result: 'a' });
    table.settle({ t: 'reply', id: 1, ok: true, result: 'again' });
    expect([await first, await second]).toEqual(['a', 'b']);
    expect(table).toMatchObject({ size: 0, orphanedReplies: 1 });
  });

  it('asks for the services of a kernel again after each loss', async () => {
    const table = new RequestTable();
    const asked = table.add({ method: 'apps', params: null }, { signal: never });
    const sent: number[] = [];
    const send: SendFrame = (header) => void sent.push(header.t === 'request' ? header.id : 0);
    for (let loss = 0; loss < 2; loss += 1) {
      table.connected(send);
      table.disconnected();
    }
    table.connected(send);
    expect(sent).toEqual([1, 1, 1]);
    table.fail(clientClosed());
    await expect(asked).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('sends what waits when there is a connection, once, and again after a loss only what may be repeated', async () => {
    const table = new RequestTable();
    const waiting = table.add(input, { signal: never });
    const repeated = table.add(ping, { signal: never });
    const sent: number[] = [];
    const send: SendFrame = (header) => void sent.push(header.t === 'request' ? header.id : 0);
    table.connected(send);
    table.disconnected();
    await expect(waiting).rejects.toMatchObject({ code: 'CONNECTION_LOST' });
    const unsent = table.add(input, { signal: never });
    table.connected(send);
    expect(sent).toEqual([1, 2, 2, 3]);
    table.fail(clientClosed());
    await expect(repeated).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await expect(unsent).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it.each([
    ['a place that is no whole number', { method: 'complete', params: { code: 'x', cursor: 1.5 } }, 'cursor'],
    ['code that is too long', { method: 'complete', params: { code: 'x'.repeat(500_000), cursor: 0 } }, 'code'],
    ['a path that hides its end', { method: 'list-files', params: { path: 'a\0b', from: 0 } }, 'path'],
  ] as const)('sends no %s, which would cost the connection', async (_, request, what) => {
    const table = new RequestTable();
    const sent: unknown[] = [];
    table.connected((header) => void sent.push(header));
    await expect(table.add(request, { signal: never })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`does not take this ${request.method}: ${what} `),
    });
    expect([sent, table.size]).toEqual([[], 0]);
  });

  it('rejects a request that no frame can carry, and leaves no listener on signals', async () => {
    const table = new RequestTable();
    const { encodeFrame } = await import('../protocol/frame.ts');
    table.connected((header, body) => void encodeFrame(header, body));
    const controller = new AbortController();
    const long = { method: 'complete', params: { code: '\u{1f600}'.repeat(200_000), cursor: 0 } } as const;
    await expect(table.add(long, { signal: controller.signal })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    controller.abort();
    expect(table.size).toBe(0);
    await expect(table.add(ping, { signal: controller.signal })).rejects.toBe(controller.signal.reason);
  });
});
