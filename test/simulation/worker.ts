/**
 * A process that plays schedules for a test: it asks for as much as it can do at a time and answers with those that failed, shrunk. A
 * process of its own, since the machine is simulated for all of its code.
 */
import './world/interposition.ts';
import './world/packages.ts';

const { play } = await import('./play.ts');
const { simulatedSettings } = await import('./settings.ts');
const { scheduleOf } = await import('./schedule.ts');
const { kindOf, shrink } = await import('./shrink.ts');

import type { Schedule } from './schedule.ts';
import type { Task, TaskResult } from './worker-messages.ts';

const settings = await simulatedSettings();

async function run({ schedules, from, count, twice, wantsCalls }: Task): Promise<TaskResult> {
  const failures: TaskResult['failures'][number][] = [];
  const calls: TaskResult['calls'][number][] = [];
  const all = schedules ?? Array.from({ length: count }, (_, index) => scheduleOf(from + index));
  const first = new Map<Schedule, readonly string[]>();
  for (const schedule of all) {
    const played = await play(schedule, settings);
    first.set(schedule, played.transcript);
    if (wantsCalls) calls.push(played.calls);
    if (played.violation === null) continue;
    const kind = kindOf(played.violation);
    const fails = async (shorter: typeof schedule): Promise<string | null> => {
      const { violation } = await play(shorter, settings);
      return violation && kindOf(violation);
    };
    // One that has a title is short, and is for what it is.
    const shrunk = schedule.title !== undefined ? schedule : await shrink(schedule, kind, fails);
    const { transcript, violation } = await play(shrunk, settings);
    failures.push({ ...shrunk, violation: violation ?? played.violation, transcript });
  }
  // In another order, so that nothing that is left of one can make the next come out the same.
  for (const schedule of twice ? all.toReversed() : []) {
    const { transcript } = await play(schedule, settings);
    const at = transcript.findIndex((line, index) => line !== first.get(schedule)?.[index]);
    if (at < 0 && transcript.length === first.get(schedule)?.length) continue;
    const violation = `it came out differently: ${transcript[at]} instead of ${first.get(schedule)?.[at]}`;
    failures.push({ ...schedule, violation, transcript });
  }
  return { played: all.length, failures, calls };
}

process.on('message', (task: Task) => {
  run(task).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ played: 0, failures: [], calls: [], error: String(error) }),
  );
});
process.send?.('ready');
