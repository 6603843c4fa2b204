/** Plays many schedules, in a process for each core. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Schedule } from './schedule.ts';
import type { Failure, Task, TaskResult } from './worker-messages.ts';

/** Failures after which no more are looked for. */
const enough = 3;
/** How many schedules a process is given at a time. */
const share = 50;

/** What came of all of them. */
export interface Summary {
  readonly played: number;
  readonly failures: readonly Failure[];
}

/** Plays these schedules. Rejects with a defect of the simulation. */
export const playSchedules = (schedules: readonly Schedule[]): Promise<Summary> =>
  playTasks([{ schedules, from: 0, count: 0, twice: false }]);

/**
 * Plays the schedules of a row of seeds, until some have failed. `twice`: each is played again, and must come out the same.
 * Rejects with a defect of the simulation.
 */
export function playSeeds(from: number, count: number, { twice }: { readonly twice: boolean }): Promise<Summary> {
  const tasks: Task[] = [];
  for (let at = from; at < from + count; at += share) {
    tasks.push({ schedules: null, from: at, count: Math.min(share, from + count - at), twice });
  }
  return playTasks(tasks);
}

async function playTasks(tasks: Task[]): Promise<Summary> {
  const failures: Failure[] = [];
  let played = 0;
  const work = async (): Promise<void> => {
    const worker = fork(path.join(import.meta.dirname, 'worker.ts'), { execArgv: [] });
    try {
      await once(worker, 'message');
      for (let task = tasks.shift(); task && failures.length < enough; task = tasks.shift()) {
        const result = await ask(worker, task);
        if (result.error !== undefined) throw new Error(result.error);
        played += result.played;
        failures.push(...result.failures);
      }
    } finally {
      worker.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: Math.min(tasks.length, availableParallelism()) }, work));
  return { played, failures };
}

/** Rejects when the process ends. */
function ask(worker: ChildProcess, task: Task): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('a process that plays schedules has ended'));
    worker.once('exit', ended);
    worker.once('message', (result) => {
      worker.off('exit', ended);
      resolve(result as TaskResult);
    });
    worker.send(task);
  });
}
