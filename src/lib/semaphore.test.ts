import { expect, it } from 'vitest';
import { Semaphore } from './semaphore.ts';

it('lets so many in at once, in order, and forgets those who leave the queue', async () => {
  const turnstile = new Semaphore(2);
  const patient = AbortSignal.timeout(5000);
  const doors = ['a', 'b', 'c', 'd'].map((name) => ({ name, ...Promise.withResolvers<void>() }));
  const inside: string[] = [];
  const leaving = new AbortController();
  const runs = doors.map(({ name, promise }) =>
    turnstile.run(
      async () => {
        inside.push(name);
        await promise;
      },
      name === 'c' ? leaving.signal : patient,
    ),
  );
  await Promise.resolve();
  expect(inside).toEqual(['a', 'b']);
  leaving.abort(new Error('gone'));
  await expect(runs[2]).rejects.toThrow('gone');
  doors[0]?.reject(new Error('failed'));
  await expect(runs[0]).rejects.toThrow('failed');
  await expect.poll(() => inside).toEqual(['a', 'b', 'd']);
  for (const { resolve } of doors) resolve();
  await runs[3];
  await turnstile.run(async () => void inside.push('later'), patient);
  expect(inside.at(-1)).toBe('later');
});
