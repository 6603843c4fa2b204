import { expect, it } from 'vitest';
import { runnerVolumeOnDemand } from './runner-volume-on-demand.ts';

it('builds nothing before it is asked, and once for all who ask', async () => {
  let built = 0;
  const volume = runnerVolumeOnDemand(async () => ({ path: `/volume-${++built}`, built: true }));
  expect(built).toBe(0);
  expect(await Promise.all([volume(), volume()])).toEqual(['/volume-1', '/volume-1']);
  expect(await volume()).toBe('/volume-1');
});

it('tries again after a failure', async () => {
  let tries = 0;
  const volume = runnerVolumeOnDemand(async () => {
    tries += 1;
    if (tries === 1) throw new Error('no space');
    return { path: '/volume', built: true };
  });
  await expect(Promise.all([volume(), volume()])).rejects.toThrow('no space');
  expect(await volume()).toBe('/volume');
  expect(tries).toBe(2);
});
