import { expect, it } from 'vitest';
import { runnerVolumeOnDemand } from './runner-volume-on-demand.ts';

it('the runner volume is installed by the first who asks, and once for all who ask', async () => {
  let installed = 0;
  const volume = runnerVolumeOnDemand(async () => `/volume-${++installed}`);
  expect(installed).toBe(0);
  expect(await Promise.all([volume(), volume()])).toEqual(['/volume-1', '/volume-1']);
  expect(await volume()).toBe('/volume-1');
});

it('a runner volume that could not be installed is tried again at the next request', async () => {
  let tries = 0;
  const volume = runnerVolumeOnDemand(async () => {
    tries += 1;
    if (tries === 1) throw new Error('no space');
    return '/volume';
  });
  await expect(Promise.all([volume(), volume()])).rejects.toThrow('no space');
  expect(await volume()).toBe('/volume');
  expect(tries).toBe(2);
});
