/** Plays many schedules, in a process for each core. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Schedule } from './schedule.ts';
import type { Failure, Task, TaskResult } from './worker-messages.ts';

/** Failures of a row of seeds after which no more are looked for. */
const enough = 3;
/** How many schedules a process is given at a time. */
const share = 50;

/** What came of all of them. */
export interface Summary {
  readonly played: number;
  readonly failures: readonly Failure[];
  /** The calls in each schedule, when they were wanted. */
  readonly calls: TaskResult['calls'];
}

/** Plays these schedules, all of them however many fail. Rejects with a defect of the simulation. */
export function playSchedules(schedules: readonly Schedule[]): Promise<Summary> {
  const tasks: Task[] = [];
  for (let at = 0; at < schedules.length; at += share)
    tasks.push({ ...plain, schedules: schedules.slice(at, at + share) });
  return playTasks(tasks, Number.POSITIVE_INFINITY);
}

/** The calls that come in each of these schedules. Rejects with a defect of the simulation. */
export async function callsIn(schedules: readonly Schedule[]): Promise<Summary['calls']> {
  const { calls } = await playTasks([{ ...plain, schedules, wantsCalls: true }], Number.POSITIVE_INFINITY);
  return calls;
}

/**
 * Plays the schedules of a row of seeds, until some have failed. `twice`: each is played again, and must come out the same.
 * Rejects with a defect of the simulation.
 */
export function playSeeds(from: number, count: number, { twice }: { readonly twice: boolean }): Promise<Summary> {
  const tasks: Task[] = [];
  for (let at = from; at < from + count; at += share) {
    tasks.push({ ...plain, from: at, count: Math.min(share, from + count - at), twice });
  }
  return playTasks(tasks, enough);
}

const plain: Task = { schedules: null, from: 0, count: 0, twice: false, wantsCalls: false };

/** `most`: failures after which no more are looked for. */
async function playTasks(tasks: Task[], most: number): Promise<Summary> {
  const calls: Summary['calls'][number][] = [];
  const failures: Failure[] = [];
  let played = 0;
  const work = async (): Promise<void> => {
    const worker = fork(path.join(import.meta.dirname, 'worker.ts'), { execArgv: [] });
    try {
      await once(worker, 'message');
      for (let task = tasks.shift(); task && failures.length < most; task = tasks.shift()) {
        const result = await ask(worker, task);
        if (result.error !== undefined) throw new Error(result.error);
        played += result.played;
        failures.push(...result.failures);
        calls.push(...result.calls);
      }
    } finally {
      worker.kill('SIGKILL');
    }
  };
  await Promise.all(Array.from({ length: Math.min(tasks.length, availableParallelism()) }, work));
  return { played, failures, calls };
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
