import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { LivenessProbe } from './liveness-probe.ts';

function start(ping: (signal: AbortSignal) => Promise<unknown>): {
  clock: FakeClock;
  probe: LivenessProbe;
  silences: unknown[];
} {
  const clock = new FakeClock();
  const silences: unknown[] = [];
  const onSilence = (error: unknown): void => void silences.push(error);
  return { clock, silences, probe: new LivenessProbe({ clock, intervalMs: 10, timeoutMs: 50, ping, onSilence }) };
}
/** A ping that is never answered. */
const silence = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('A probe of liveness', () => {
  it('asks only a peer that was silent', async () => {
    let pings = 0;
    const { clock, probe } = start(async () => {
      pings += 1;
    });
    await clock.advance(10);
    probe.heard();
    await clock.advance(10);
    expect(pings).toBe(0);
    await clock.advance(10);
    expect(pings).toBe(1);
    probe[Symbol.dispose]();
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

  it('neither asks nor reports a peer that stands still on purpose, also in the middle of a ping', async () => {
    const clock = new FakeClock();
    let [pings, isSuspended] = [0, false];
    const silences: unknown[] = [];
    const ping = async (signal: AbortSignal): Promise<never> => {
      pings += 1;
      return await silence(signal);
    };
    const onSilence = (error: unknown): void => void silences.push(error);
    using _probe = new LivenessProbe({
      ...{ clock, intervalMs: 10, timeoutMs: 50, ping, onSilence },
      isSuspended: () => isSuspended,
    });
    await clock.advance(20);
    expect(pings).toBe(1);
    isSuspended = true;
    await clock.advance(1_000);
    expect([pings, silences]).toEqual([1, []]);
    isSuspended = false;
    await clock.advance(100);
    expect([pings, silences]).toMatchObject([2, [{ code: 'DEADLINE_EXCEEDED' }]]);
  });

  it('reports nothing after it was disposed, and cancels its ping', async () => {
    const { clock, probe, silences } = start(silence);
    await clock.advance(25);
    probe[Symbol.dispose]();
    await clock.advance(1000);
    expect(silences).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
