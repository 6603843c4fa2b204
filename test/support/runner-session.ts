/** A container with the runner in it, and short ways to run things there. */
import type { RunId } from '../../src/lib/ids.ts';
import type { ExecuteRequest } from '../../src/protocol/execute-request.ts';
import type { NumberedRunEvent } from '../../src/protocol/run-event.ts';
import { type RunnerContainer, type RunnerContainerOptions, startRunnerContainer } from './runner-container.ts';
import { testVolume } from './runner-images.ts';
import { type PeerOptions, RunnerPeer, type RunResult } from './runner-peer.ts';

type OnEvent = (event: NumberedRunEvent) => void;

/** The id of a run. */
export const runId = (text: string): RunId => text as RunId;

/** A request for a script of the image's shell. */
export const shellCommand = (script: string, timeoutMs: number | null = null) =>
  ({ mode: 'command', argv: ['sh', '-c', script], timeoutMs }) as const satisfies ExecuteRequest;

/** The container. Disposing removes it. */
export class RunnerSession implements AsyncDisposable {
  readonly container: RunnerContainer;
  #peer: RunnerPeer;
  #count = 0;

  private constructor(container: RunnerContainer) {
    this.container = container;
    this.#peer = container.peer;
  }

  /** Starts one whose runtime is of this type; `config` and the rest as `startRunnerContainer` takes them. */
  static async start(
    type: string,
    image: string,
    options: Partial<Omit<RunnerContainerOptions, 'image'>> = {},
  ): Promise<RunnerSession> {
    const config = { runtime: { type, path: null }, ...options.config };
    const volume = options.volume ?? (await testVolume());
    return new RunnerSession(await startRunnerContainer({ ...options, volume, image, config }));
  }

  get peer(): RunnerPeer {
    return this.#peer;
  }

  /** Connects anew, after another connection took over. */
  async reconnect(options: PeerOptions = {}): Promise<void> {
    this.#peer[Symbol.dispose]();
    this.#peer = await RunnerPeer.connect(this.container.socketPath, this.container.secret, options);
  }

  /** An id that no run has yet. */
  nextRun(): RunId {
    this.#count += 1;
    return runId(`run-${this.#count}`);
  }

  /** Runs a request to its end. */
  execute(request: ExecuteRequest, onEvent?: OnEvent): Promise<RunResult> {
    return this.#peer.run(this.nextRun(), request, onEvent);
  }

  /** Runs a script of the image's shell. */
  shell(script: string, timeoutMs: number | null = null, onEvent?: OnEvent): Promise<RunResult> {
    return this.execute(shellCommand(script, timeoutMs), onEvent);
  }

  query(code: string, timeoutMs: number | null = null, onEvent?: OnEvent): Promise<RunResult> {
    return this.execute({ mode: 'query', code, timeoutMs }, onEvent);
  }

  /** Runs a query and interrupts what runs as soon as it has printed. */
  interruptedQuery(code: string): Promise<RunResult> {
    let sent = false;
    return this.query(code, 20_000, ({ event }) => {
      if (event.kind !== 'stdout' || sent) return;
      sent = true;
      void this.#peer.request('interrupt', { run: null });
    });
  }

  /** Runs code or a file as a program of the language. */
  program(code: string, args: readonly string[] = []): Promise<RunResult> {
    return this.execute({ mode: 'program', source: { from: 'code', code }, args, timeoutMs: 30_000 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#peer[Symbol.dispose]();
    await this.container[Symbol.asyncDispose]();
  }
}
