/** The agent as a unit of systemd. */
import { constants } from 'node:os';
import type { AgentControl, AgentStatus } from './agent-control.ts';
import type { Systemctl } from './systemctl.ts';

const properties = [
  ...['ActiveState', 'SubState', 'MainPID', 'NRestarts', 'ExecMainCode', 'ExecMainStatus'],
  ...['ExecMainExitTimestampMonotonic', 'ActiveEnterTimestampMonotonic'],
];
/** What `ExecMainCode` says of a process that has exited by itself; others were ended by a signal. */
const exited = '1';

export class AgentUnit implements AgentControl {
  readonly #unit: string;
  readonly #systemctl: Systemctl;

  constructor(unit: string, systemctl: Systemctl) {
    this.#unit = unit;
    this.#systemctl = systemctl;
  }

  async status(timeoutMs: number): Promise<AgentStatus> {
    const shown = await this.#systemctl.show(this.#unit, properties, timeoutMs);
    return statusOf(shown, Date.now() - Number(process.hrtime.bigint() / 1_000_000n));
  }

  async start(timeoutMs: number): Promise<void> {
    await this.#systemctl.act('start', this.#unit, timeoutMs);
  }

  async stop(timeoutMs: number): Promise<void> {
    await this.#systemctl.act('stop', this.#unit, timeoutMs);
  }

  async restart(timeoutMs: number): Promise<void> {
    await this.#systemctl.act('restart', this.#unit, timeoutMs);
  }

  async reload(timeoutMs: number): Promise<void> {
    await this.#systemctl.act('reload', this.#unit, timeoutMs);
  }

  /** It goes on without the watcher. */
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** What properties of a unit say. `clockStart`: when the monotonic clock was 0, in milliseconds since the epoch. Pure. */
export function statusOf(shown: ReadonlyMap<string, string>, clockStart: number): AgentStatus {
  const number = (name: string): number => Number(shown.get(name) ?? 0) || 0;
  const state = shown.get('ActiveState') ?? 'unknown';
  const status = number('ExecMainStatus');
  const hasEnded = number('ExecMainExitTimestampMonotonic') > 0;
  const isActive = state === 'active' || state === 'reloading';
  return {
    state,
    subState: shown.get('SubState') ?? 'unknown',
    pid: number('MainPID') || null,
    restarts: number('NRestarts'),
    lastExit: hasEnded ? (shown.get('ExecMainCode') === exited ? status : signalName(status)) : null,
    activeSince: isActive ? Math.round(clockStart + number('ActiveEnterTimestampMonotonic') / 1000) : null,
  };
}

const signalName = (number: number): string =>
  Object.entries(constants.signals).find(([, value]) => value === number)?.[0] ?? `signal ${number}`;
