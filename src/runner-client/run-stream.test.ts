import { describe, expect, it } from 'vitest';
import { parseRunId } from '../lib/ids.ts';
import type { NumberedRunEvent } from '../protocol/run-event.ts';
import { RunStream } from './run-stream.ts';

const run = parseRunId('r');
const stdout = (n: number, body = new Uint8Array(0)): NumberedRunEvent => ({ n, event: { kind: 'stdout' }, body });

function open(signal = new AbortController().signal): { stream: RunStream; heard: string[] } {
  const heard: string[] = [];
  const stream = new RunStream(run, 0, signal, {
    consumed: ({ consumed }) => void heard.push(`consumed ${consumed}`),
    closed: () => void heard.push('closed'),
  });
  return { stream, heard };
}

describe('RunStream', () => {
  it('counts an event as consumed when the next one is asked for, and not when the reader leaves', async () => {
    const { stream, heard } = open();
    stream.push(stdout(1));
    stream.push(stdout(2));
    await stream.next();
    expect(heard).toEqual([]);
    await stream.next();
    expect(heard).toEqual(['consumed 1']);
    await stream.return();
    expect(heard).toEqual(['consumed 1', 'closed']);
    expect((await stream.next()).done).toBe(true);
  });

  it('hands events to a reader that waits without keeping them', async () => {
    const { stream } = open();
    const waiting = stream.next();
    stream.push(stdout(1, new Uint8Array(1000)));
    expect(stream.bufferedBytes).toBe(0);
    expect((await waiting).value?.n).toBe(1);
  });

  it('counts what a prompt holds, which may be longer than any output', () => {
    const { stream } = open();
    const prompt = 'x'.repeat(60_000);
    stream.push({ n: 1, event: { kind: 'waiting-input', prompt, password: false }, body: new Uint8Array(0) });
    expect(stream.bufferedBytes).toBeGreaterThanOrEqual(120_000);
    void stream.next();
    expect(stream.bufferedBytes).toBe(0);
  });

  it('delivers what waits before an error, or drops it', async () => {
    const kept = open().stream;
    kept.push(stdout(1));
    kept.fail(new Error('late'), { dropQueue: false });
    expect((await kept.next()).value?.n).toBe(1);
    await expect(kept.next()).rejects.toThrow('late');
    expect((await kept.next()).done).toBe(true);
    const dropped = open().stream;
    dropped.push(stdout(1));
    dropped.fail(new Error('now'), { dropQueue: true });
    await expect(dropped.next()).rejects.toThrow('now');
  });

  it('is over after the last event, whatever comes later', async () => {
    const { stream } = open();
    stream.push({ n: 1, event: { kind: 'finished', exitCode: 0, reason: 'exited' }, body: new Uint8Array(0) });
    stream.push(stdout(2));
    await stream.next();
    expect((await stream.next()).done).toBe(true);
  });

  it('keeps alive no more than what it counts: small views of large reads are copied', async () => {
    const { stream } = open();
    const read = new Uint8Array(65_536).fill(9);
    stream.push(stdout(1, read.subarray(10, 20)));
    stream.push(stdout(2, read.subarray(100, 60_000)));
    const small = (await stream.next()).value?.body;
    expect(small).toEqual(new Uint8Array(10).fill(9));
    expect(small?.buffer.byteLength).toBe(10);
    expect((await stream.next()).value?.body.buffer).toBe(read.buffer);
  });

  it('refuses a second read while one is waiting', async () => {
    const { stream } = open();
    void stream.next();
    await expect(stream.next()).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('keeps no listener on its signal once it is over', async () => {
    const controller = new AbortController();
    const { stream, heard } = open(controller.signal);
    await stream.return();
    controller.abort();
    expect(heard).toEqual(['closed']);
  });
});
