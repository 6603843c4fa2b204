/** The signals of a daemon (spec config-and-ops 11.2). */

/** Signals that end the daemon. */
export type StopSignalName = 'SIGTERM' | 'SIGINT';
/** Signals that ask for something while the daemon goes on. */
export type RequestSignal = 'SIGHUP' | 'SIGUSR2';

/** Where signals come from: this process. */
export interface SignalSource {
  /** While a listener is there, the signal's default action is off. */
  onSignal(signal: StopSignalName | RequestSignal, listener: () => void): Disposable;
  /** Ends this process by the signal's default action. */
  dieBySignal(signal: StopSignalName): never;
}

/** The reason with which `stop` aborts, as no failure. */
export class StopSignal extends Error {
  override readonly name = 'StopSignal';
  readonly signal: StopSignalName;

  constructor(signal: StopSignalName) {
    super(`stopped by ${signal}`);
    this.signal = signal;
  }
}

/** The signals of this process from here until the disposal, which gives them back their usual effect. */
export class DaemonSignals implements Disposable {
  /** Aborts, with a StopSignal, at the first signal that asks for a stop. */
  readonly stop: AbortSignal;
  readonly #controller = new AbortController();
  readonly #listeners = new DisposableStack();
  readonly #actions = new Map<RequestSignal, () => void>();
  /** Those that have come before there was an action. */
  readonly #early = new Set<RequestSignal>();
  #interrupted = false;

  constructor(source: SignalSource) {
    this.stop = this.#controller.signal;
    this.#listeners.use(source.onSignal('SIGTERM', () => this.#stop('SIGTERM')));
    this.#listeners.use(source.onSignal('SIGINT', () => this.#interrupt(source)));
    for (const signal of ['SIGHUP', 'SIGUSR2'] as const) {
      this.#listeners.use(source.onSignal(signal, () => this.#act(signal)));
    }
  }

  /** What a signal does from here on; at once, when it has come already. */
  on(signal: RequestSignal, action: () => void): void {
    this.#actions.set(signal, action);
    if (this.#early.delete(signal)) action();
  }

  [Symbol.dispose](): void {
    this.#listeners.dispose();
  }

  #stop(signal: StopSignalName): void {
    this.#controller.abort(new StopSignal(signal));
  }

  /** The second Ctrl-C is of somebody who does not want to wait: what is left undone is the next start's. */
  #interrupt(source: SignalSource): void {
    if (this.#interrupted) source.dieBySignal('SIGINT');
    this.#interrupted = true;
    this.#stop('SIGINT');
  }

  #act(signal: RequestSignal): void {
    const action = this.#actions.get(signal);
    if (action) action();
    else this.#early.add(signal);
  }
}
