/** What is said between a test and the processes that play its schedules. */
import type { Schedule } from './schedule.ts';

/** Schedules to play: these, or those of a row of seeds. */
export interface Task {
  readonly schedules: readonly Schedule[] | null;
  readonly from: number;
  readonly count: number;
  /** Whether each is played again, and must come out the same. */
  readonly twice: boolean;
}

/** One that failed, as short as it could be made. */
export interface Failure extends Schedule {
  readonly violation: string;
  readonly transcript: readonly string[];
}

/** What came of a task. */
export interface TaskResult {
  readonly played: number;
  readonly failures: readonly Failure[];
  /** A defect of the simulation itself. */
  readonly error?: string;
}
