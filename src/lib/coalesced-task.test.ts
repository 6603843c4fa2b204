import { expect, it } from 'vitest';
import { CoalescedTask } from './coalesced-task.ts';

it('does once more what was asked for meanwhile, however often, and never two at a time', async () => {
  let [begun, underWay, most] = [0, 0, 0];
  const gates: (() => void)[] = [];
  const work = new CoalescedTask(async () => {
    begun += 1;
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise<void>((resolve) => gates.push(resolve));
    underWay -= 1;
  });
  await work.settled();
  for (let times = 0; times < 100; times += 1) work.request();
  expect(begun).toBe(1);
  gates[0]?.();
  await expect.poll(() => begun).toBe(2);
  gates[1]?.();
  await work.settled();
  expect([begun, most]).toEqual([2, 1]);
  work.request();
  gates[2]?.();
  await work.settled();
  expect(begun).toBe(3);
});

it('goes on after a failure', async () => {
  let begun = 0;
  const work = new CoalescedTask(async () => {
    begun += 1;
    throw new Error('no');
  });
  work.request();
  await work.settled();
  work.request();
  await work.settled();
  expect(begun).toBe(2);
});
