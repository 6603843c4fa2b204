/** What is said between a test and the processes that play its schedules. */
import type { SimulatedCall } from './fault-plan.ts';
import type { Schedule } from './schedule.ts';

/** What was called in a schedule, in order. */
export interface CallsOfAll {
  readonly engine: readonly SimulatedCall[];
  readonly redis: readonly SimulatedCall[];
  readonly etcd: readonly SimulatedCall[];
}

/** Schedules to play: these, or those of a row of seeds. */
export interface Task {
  readonly schedules: readonly Schedule[] | null;
  readonly from: number;
  readonly count: number;
  /** Whether each is played again, and must come out the same. */
  readonly twice: boolean;
  /** Whether the calls of the engine and of the cluster's services are wanted. */
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
  readonly calls: readonly CallsOfAll[];
  /** A defect of the simulation itself. */
  readonly error?: string;
}
