/** The state of the runner, which the agent is sent at every change. */
import type { InterpreterState } from '../protocol/kernel-contexts.ts';
import type { ModelHealth } from '../protocol/kernel-models.ts';
import type { RunnerPhase, RunnerStatus } from '../protocol/runner-frames.ts';
import type { ContainerLog } from './container-log.ts';

const maxDetail = 2000;

/** Collects the state from the runner's parts. */
export class RunnerStatusTracker {
  readonly #startedAt: number;
  readonly #log: ContainerLog;
  readonly #problems: string[] = [];
  #phase: RunnerPhase = 'starting';
  #interpreter: InterpreterState = 'none';
  #interpreterDetail = '';
  #models: () => readonly ModelHealth[] = () => [];
  #changed: () => void = () => {};

  constructor(startedAt: number, log: ContainerLog) {
    this.#startedAt = startedAt;
    this.#log = log;
  }

  /** Calls back after each change. */
  onChange(callback: () => void): void {
    this.#changed = callback;
  }

  /** Says where the health of models is found. */
  readModelsFrom(read: () => readonly ModelHealth[]): void {
    this.#models = read;
  }

  /** The health of a model has changed. */
  modelChanged(): void {
    this.#changed();
  }

  get phase(): RunnerPhase {
    return this.#phase;
  }

  set phase(phase: RunnerPhase) {
    this.#phase = phase;
    this.#log.line('INFO', `the runner is ${phase}`);
    this.#changed();
  }

  interpreter(state: InterpreterState, detail: string): void {
    this.#interpreter = state;
    this.#interpreterDetail = detail;
    if (detail !== '') this.#log.line('WARN', `interpreter: ${detail}`);
    this.#changed();
  }

  /** A step of the start went wrong; the runner goes on without it. */
  problem(text: string): void {
    this.#problems.push(text);
    this.#log.line('WARN', text);
    this.#changed();
  }

  read(): RunnerStatus {
    const parts = this.#interpreterDetail === '' ? this.#problems : [...this.#problems, this.#interpreterDetail];
    return {
      phase: this.#phase,
      interpreter: this.#interpreter,
      detail: parts.join('; ').slice(0, maxDetail),
      startedAt: this.#startedAt,
      logBytesDropped: this.#log.droppedBytes,
      models: this.#models(),
    };
  }
}
