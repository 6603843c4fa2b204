/** What is said between a test and the processes that play its schedules. */
import type { HostCall } from './node/engine-host.ts';
import type { Schedule } from './schedule.ts';

/** Schedules to play: these, or those of a row of seeds. */
export interface Task {
  readonly schedules: readonly Schedule[] | null;
  readonly from: number;
  readonly count: number;
  /** Whether each is played again, and must come out the same. */
  readonly twice: boolean;
  /** Whether the calls of the engine are wanted. */
  readonly wantsCalls: boolean;
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
  /** Those of each schedule, when they are wanted. */
  readonly calls: readonly (readonly HostCall[])[];
  /** A defect of the simulation itself. */
  readonly error?: string;
}
