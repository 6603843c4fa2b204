/** How the watcher has the agent started and stopped: by systemd, or as a process of its own. */

/** How the agent is, as told by whoever runs it. */
export interface AgentStatus {
  /** In systemd's words: `active`, `activating`, `deactivating`, `inactive`, `failed`. */
  readonly state: string;
  /** The same more exactly: `running`, `start`, `auto-restart`, `dead`. */
  readonly subState: string;
  readonly pid: number | null;
  /** How often it was started again after it had ended by itself. */
  readonly restarts: number;
  /** How it ended last: an exit status, or the name of a signal; null: it has not, as far as is known. */
  readonly lastExit: number | string | null;
  /** Since when it is active, in milliseconds since the epoch; null: it is not. */
  readonly activeSince: number | null;
}

/**
 * Starts and stops the agent. Each resolves when it is done, and throws SERVICE_FAILED when it has failed, DEADLINE_EXCEEDED
 * when it has not ended in time, and goes on then. Kernels outlive all of it.
 */
export interface AgentControl extends AsyncDisposable {
  status(timeoutMs: number): Promise<AgentStatus>;
  start(timeoutMs: number): Promise<void>;
  stop(timeoutMs: number): Promise<void>;
  restart(timeoutMs: number): Promise<void>;
  /** Has it read its configuration again. */
  reload(timeoutMs: number): Promise<void>;
}
