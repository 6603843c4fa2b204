import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { silentLogger as log } from '../../lib/log.ts';
import { EventWriter } from './event-stream.ts';
import { HeartbeatSender } from './heartbeat-sender.ts';

/** A sender whose Redis answers as `answer` says, and the times at which it sent. */
function start(answer: (beat: number, clock: FakeClock) => Promise<void>, args = () => Uint8Array.of(0x90)) {
  const clock = new FakeClock();
  const times: number[] = [];
  const link = {
    send: async () => {
      times.push(clock.monotonic());
      await answer(times.length, clock);
      return ['1-0'];
    },
  };
  const writer = new EventWriter(link);
  const sender = new HeartbeatSender({ writer, agentId: 'i-x', intervalMs: 20_000, args, clock, log });
  const stop = new AbortController();
  return { clock, times, sender, stop, running: sender.run(stop.signal) };
}
const later = (clock: FakeClock, ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));

describe('HeartbeatSender', () => {
  it('measures from start to start, whatever a beat takes, and never overlaps', async () => {
    const { clock, times, stop, running } = start((_, time) => later(time, 5_000));
    await clock.advance(65_000);
    expect(times).toEqual([0, 20_000, 40_000, 60_000]);
    stop.abort();
    await running;
    expect(clock.pending).toBe(0);
  });

  it('does not wait a whole interval after a failure', async () => {
    const { clock, times, stop, running } = start(async (beat) => {
      if (beat === 2 || beat === 3) throw new Error('down');
    });
    await clock.advance(50_000);
    expect(times).toEqual([0, 20_000, 22_000, 24_000, 44_000]);
    stop.abort();
    await running;
  });

  it('sends at once on `sendNow`, also when one is under way, and counts anew from there', async () => {
    const { clock, times, sender, stop, running } = start((_, time) => later(time, 1_000));
    await clock.advance(7_000);
    sender.sendNow();
    await clock.advance(500);
    sender.sendNow();
    await clock.advance(25_000);
    expect(times).toEqual([0, 7_000, 8_000, 28_000]);
    stop.abort();
    await running;
  });

  it('sends the last good one when it cannot compose, and nothing before there was one', async () => {
    let good = false;
    const { clock, times, stop, running } = start(
      async () => {},
      () => {
        if (!good) throw new Error('no list of images');
        return Uint8Array.of(0x90);
      },
    );
    await clock.advance(1_000);
    expect(times).toEqual([]);
    good = true;
    await clock.advance(1_000);
    good = false;
    await clock.advance(40_000);
    expect(times).toEqual([2_000, 22_000, 42_000]);
    stop.abort();
    await running;
  });
});
