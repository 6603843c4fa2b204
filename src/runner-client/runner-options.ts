/** How clients of runners behave, and how they do when nothing is said. */
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import type { BackoffOptions } from '../lib/retry.ts';
import { startPauses } from './connection.ts';

/** How clients behave; all times in milliseconds. */
export interface RunnerConnectionOptions {
  readonly clock?: Clock;
  readonly log?: Logger;
  /** Between attempts to connect; `startPauses` when absent. */
  readonly pauses?: BackoffOptions;
  /** From connecting to the runner's greeting. */
  readonly greetingTimeoutMs?: number;
  /** A runner that was silent for this long is asked whether it is there. */
  readonly probeIntervalMs?: number;
  /** After so long a new connection is tried; long, since the runner shares its kernel's CPU limit with the tenant. */
  readonly probeTimeoutMs?: number;
  /** How long the transfer of a file may make no progress; more than the runner's own waits, so that its reason comes first. */
  readonly transferTimeoutMs?: number;
  /** The pause after a runner that broke the protocol. */
  readonly violationPauseMs?: number;
  /** How long the last output of a kernel that has ended is waited for. */
  readonly lastOutputMs?: number;
  /** Throws before a connection for a file is made when none may be; they come beside the one that a kernel has. */
  readonly assertRoom?: () => void;
}

/** What holds where an option is absent. */
export const defaultOptions: Required<RunnerConnectionOptions> = {
  clock: systemClock,
  log: silentLogger,
  pauses: startPauses,
  greetingTimeoutMs: 10_000,
  probeIntervalMs: 10_000,
  probeTimeoutMs: 60_000,
  transferTimeoutMs: 90_000,
  violationPauseMs: 1000,
  lastOutputMs: 250,
  assertRoom: () => {},
};
