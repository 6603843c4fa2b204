import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { Heartbeat } from './heartbeat.ts';

function start(ping: (signal: AbortSignal) => Promise<unknown>): {
  clock: FakeClock;
  heartbeat: Heartbeat;
  silences: unknown[];
} {
  const clock = new FakeClock();
  const silences: unknown[] = [];
  const onSilence = (error: unknown): void => void silences.push(error);
  return { clock, silences, heartbeat: new Heartbeat({ clock, intervalMs: 10, timeoutMs: 50, ping, onSilence }) };
}
/** A ping that is never answered. */
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('Heartbeat', () => {
  it('asks only a peer that was silent', async () => {
    let pings = 0;
    const { clock, heartbeat } = start(async () => {
      pings += 1;
    });
    await clock.advance(10);
    heartbeat.heard();
    await clock.advance(10);
    expect(pings).toBe(0);
    await clock.advance(10);
    expect(pings).toBe(1);
    heartbeat[Symbol.dispose]();
    expect(clock.pending).toBe(0);
  });

  it('reports a peer that does not answer in time, once', async () => {
    const { clock, silences } = start(silence);
    await clock.advance(69);
    expect(silences).toEqual([]);
    await clock.advance(1000);
    expect(silences).toMatchObject([{ code: 'DEADLINE_EXCEEDED' }]);
    expect(clock.pending).toBe(0);
  });

  it('reports nothing after it was disposed, and cancels its ping', async () => {
    const { clock, heartbeat, silences } = start(silence);
    await clock.advance(25);
    heartbeat[Symbol.dispose]();
    await clock.advance(1000);
    expect(silences).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
