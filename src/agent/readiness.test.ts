import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { KerneletError } from '../lib/errors.ts';
import { Readiness } from './readiness.ts';

it('lets requests through once ready, and those that waited', async () => {
  const readiness = new Readiness(new FakeClock(), 10_000);
  let through = false;
  const waiting = readiness.ready().then(() => {
    through = true;
  });
  await Promise.resolve();
  expect(through).toBe(false);
  readiness.enter('ready');
  await waiting;
  expect(through).toBe(true);
  await readiness.ready();
});

it('says why it is not ready in time', async () => {
  const clock = new FakeClock();
  const readiness = new Readiness(clock, 10_000);
  readiness.enter('recovering', new KerneletError('ENGINE_UNAVAILABLE', 'the engine does not answer'));
  const waiting = expect(readiness.ready()).rejects.toThrow(/engine does not answer/);
  await clock.advance(10_000);
  await waiting;
});

it('refuses when stopping', async () => {
  const readiness = new Readiness(new FakeClock(), 10_000);
  const waiting = expect(readiness.ready()).rejects.toThrow(/stopping/);
  readiness.enter('stopping');
  await waiting;
});
