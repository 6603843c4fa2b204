import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { YieldBudget } from './yield-budget.ts';

/** How many milliseconds of work some loops did between two turns of the event loop, at most. */
async function maxBlock(loops: number): Promise<number> {
  let [time, turnAt, longest, working] = [0, 0, 0, true];
  const clock = new (class extends FakeClock {
    override monotonic = (): number => time;
  })();
  const budget = new YieldBudget({ clock });
  const work = async (): Promise<void> => {
    for (let step = 0; step < 20; step += 1) {
      await budget.yieldIfSpent();
      time += 1;
    }
  };
  const turn = (): void => {
    longest = Math.max(longest, time - turnAt);
    turnAt = time;
    if (working) setImmediate(turn);
  };
  setImmediate(turn);
  await Promise.all(Array.from({ length: loops }, work));
  working = false;
  turn();
  return longest;
}

it('lets others run when its time is over, also when several loops share it', async () => {
  expect(await maxBlock(1)).toBe(1);
  // Each may have begun one step more.
  expect(await maxBlock(8)).toBeLessThanOrEqual(1 + 8);
});

it("rejects with the signal's reason, before and after it has yielded", async () => {
  const end = new AbortController();
  let time = 0;
  const clock = new (class extends FakeClock {
    override monotonic = (): number => (time += 2);
  })();
  const budget = new YieldBudget({ clock });
  const turn = budget.yieldIfSpent(end.signal);
  end.abort(new Error('ended'));
  await expect(turn).rejects.toThrow('ended');
  await expect(budget.yieldIfSpent(end.signal)).rejects.toThrow('ended');
});
