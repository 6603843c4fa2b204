import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { silentLogger as log } from './log.ts';
import { retryForever } from './retry-forever.ts';

it('repeats what fails, with pauses, until it succeeds', async () => {
  const clock = new FakeClock();
  let attempts = 0;
  const done = retryForever({ what: 'it', clock, log, signal: new AbortController().signal }, async () => {
    attempts += 1;
    if (attempts < 4) throw new Error('not yet');
    return attempts;
  });
  await clock.advance(100);
  expect(attempts).toBe(1);
  await clock.advance(4000);
  expect(await done).toBe(4);
  expect(clock.pending).toBe(0);
});

it('ends with the reason of its signal, during a pause and before an attempt', async () => {
  const clock = new FakeClock();
  const stop = new AbortController();
  const options = { what: 'it', clock, log, signal: stop.signal };
  const failing = retryForever(options, () => Promise.reject(new Error('no')));
  await clock.advance(0);
  stop.abort(new Error('enough'));
  await expect(failing).rejects.toThrow('enough');
  await expect(retryForever(options, async () => 1)).rejects.toThrow('enough');
  expect(clock.pending).toBe(0);
});
