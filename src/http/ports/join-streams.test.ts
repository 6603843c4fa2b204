import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { joinStreams } from './join-streams.ts';

/** A stream that takes nothing, joined with one that has sent something and is gone. */
async function leftover(idleMs: number, signal: AbortSignal): Promise<Duplex> {
  const near = new Duplex({ read: () => {}, write: () => {} });
  const far = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  joinStreams(near, far, { idleMs, clock: systemClock, signal });
  far.push('x');
  far.push(null);
  far.end();
  await once(far, 'close');
  expect([near.writableLength, near.destroyed]).toEqual([1, false]);
  return near;
}

// @promise ports-hostile
describe('what waits for a reader when the other side has gone', () => {
  it('waits no longer than a connection may be idle', async () => {
    const near = await leftover(100, new AbortController().signal);
    await once(near, 'close');
  });

  it('holds up no end of the server', async () => {
    const stopping = new AbortController();
    const near = await leftover(60_000, stopping.signal);
    stopping.abort();
    expect(near.destroyed).toBe(true);
  });
});
