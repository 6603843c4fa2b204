import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { raceWithSignal } from './deadline.ts';

const never = new Promise<never>(() => {});

it('gives what the work gives, and leaves no listener behind', async () => {
  const { signal } = new AbortController();
  expect(await raceWithSignal(Promise.resolve(1), signal)).toBe(1);
  await expect(raceWithSignal(Promise.reject(new Error('broken')), signal)).rejects.toThrow('broken');
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

it('waits no longer when the signal aborts, or has aborted, and the work fails unheard', async () => {
  const controller = new AbortController();
  const waiting = expect(raceWithSignal(never, controller.signal)).rejects.toThrow('enough');
  controller.abort(new Error('enough'));
  await waiting;
  const { promise, reject } = Promise.withResolvers<void>();
  await expect(raceWithSignal(promise, controller.signal)).rejects.toThrow('enough');
  reject(new Error('too late'));
  await new Promise((resolve) => setImmediate(resolve));
});
