import { expect, it } from 'vitest';
import { kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { RpcNode } from '../../../../test/support/rpc-node.ts';

const image = kernelConfigFixture()['image'] as Record<string, string>;
const absent = 'drv.local/kern/nosuch:1';

it('fetches what is not here, as one task for each image, and publishes how that went', async () => {
  const clock = new FakeClock();
  await using node = await RpcNode.start({ dummy: { clock } });
  using _slow = node.fixture.kernels.dummy.fail('pullImage', { kind: 'delay', delayMs: 60_000 });
  const wanted = {
    [image['canonical'] ?? '']: { ...image, auto_pull: 'tag' },
    [absent]: { ...image, canonical: absent },
  };
  const tasks = (await node.call('check_and_pull', wanted)) as Record<string, string>;
  expect(Object.keys(tasks)).toEqual(Object.keys(wanted));
  for (const task of Object.values(tasks)) expect(task).toMatch(/^[0-9a-f]{32}$/);
  await node.services.taskClock.advance(0);
  await expect.poll(() => node.call('check_pulling', absent)).toBe(true);
  expect(await node.call('check_pulling', 'another:1')).toBe(false);
  await node.engineCalled('pullImage');
  await clock.advance(60_000);
  const ended = async () => (await node.publishedByTasks()).filter((line) => line.startsWith('bgtask_')).length;
  await expect.poll(ended, { timeout: 5000 }).toBe(2);
  const words = node.services.published.map((line) => line.split(' ')[0]);
  expect(words.sort()).toEqual([
    'bgtask_done',
    'bgtask_failed',
    'image_pull_failed',
    'image_pull_finished',
    'image_pull_started',
  ]);
  expect(node.services.published.find((line) => line.startsWith('image_pull_finished'))).toContain(
    '"the image is here already"',
  );
  expect(await node.call('check_pulling', absent)).toBe(false);
});
