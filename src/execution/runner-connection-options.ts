/** Options of the clients of runners. */
import { type Clock, systemClock } from '../lib/clock.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { type RetryPace, startPace } from './connect-with-retry.ts';

/** How clients behave; all times in milliseconds. */
export interface RunnerConnectionOptions {
  readonly clock?: Clock;
  readonly log?: Logger;
  readonly pace?: RetryPace;
  /** From connecting to the runner's greeting. */
  readonly greetingTimeoutMs?: number;
  /** A runner that was silent for this long is asked whether it is there. */
  readonly heartbeatIntervalMs?: number;
  /** How long it may take to answer; long, since it shares its kernel's CPU limit with the tenant. */
  readonly heartbeatTimeoutMs?: number;
  /** How long the transfer of a file may stand still; more than the runner's own waits, so that it tells why. */
  readonly transferTimeoutMs?: number;
  /** The pause after a runner that broke the protocol. */
  readonly violationPauseMs?: number;
  /** How long the last output of a kernel that has ended is waited for. */
  readonly lastOutputMs?: number;
}

/** What holds where an option is absent. */
export const defaultRunnerConnectionOptions: Required<RunnerConnectionOptions> = {
  clock: systemClock,
  log: silentLogger,
  pace: startPace,
  greetingTimeoutMs: 10_000,
  heartbeatIntervalMs: 15_000,
  heartbeatTimeoutMs: 60_000,
  transferTimeoutMs: 90_000,
  violationPauseMs: 1000,
  lastOutputMs: 250,
};
