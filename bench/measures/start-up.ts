/** P10 and P11: an idle daemon's memory, and how soon it is ready. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Measure } from '../measure.ts';
import { median } from '../statistics.ts';

export const startUp: Measure = {
  ids: ['P10', 'P11'],
  title: 'start of the daemon',
  async run(stage, rounds) {
    const starts: number[] = [];
    const resident: number[] = [];
    const count = rounds(5, 2);
    for (let round = 0; round < count; round += 1) {
      starts.push(await stage.startDaemon());
      await sleep(1000);
      resident.push(await stage.residentBytes());
    }
    return {
      P10: [
        { name: 'daemon, no kernels: resident memory', value: median(resident) / 1e6, unit: 'MB', must: 90, goal: 60 },
      ],
      P11: [{ name: 'process start → ready', value: median(starts) / 1000, unit: 's', must: 0.7, goal: 0.2 }],
    };
  },
};
