/** The runner in a simulated container: speaks the protocol, and its runs take their time and say a line. */
import type { DummyContainer } from '../../../src/engine/dummy/dummy-containers.ts';
import type { RunId } from '../../../src/lib/ids.ts';
import { FakeRunner } from '../../support/fake-runner.ts';

/** The line that a run prints, in the middle of its time. */
export const outputOf = (run: RunId): string => `output of ${run}\n`;

/** How a run's program begins, after which comes how long it takes, in milliseconds. */
export const programOf = (runsMs: number): string => `sleep ${runsMs}`;

/** A runner whose secret is that of its configuration. */
export class SimulatedRunner extends FakeRunner {
  override readonly secret: string;
  readonly #ends = new Map<RunId, NodeJS.Timeout>();

  constructor(secret: string, container: DummyContainer) {
    super();
    this.secret = secret;
    this.answer = (request) => {
      if (request.method === 'execute' && !this.runs.has(request.params.run)) {
        const { run, request: asked } = request.params;
        this.#begin(run, asked.mode === 'query' ? asked.code : '');
      }
      if (request.method === 'cancel') this.#end(request.params.run, -9, 'cancelled');
      if (request.method === 'apps') return { result: { apps: [] } };
      if (request.method === 'shutdown') setTimeout(() => container.exit(0), 50);
      return undefined;
    };
  }

  #begin(run: RunId, code: string): void {
    const runsMs = Number(code.split(' ')[1] ?? 0);
    this.addRun(run);
    setTimeout(() => this.emit(run, { kind: 'started' }), 1);
    setTimeout(() => this.emit(run, { kind: 'stdout' }, Buffer.from(outputOf(run))), Math.max(2, runsMs / 2));
    this.#ends.set(
      run,
      setTimeout(() => this.#end(run, 0, 'exited'), Math.max(3, runsMs)),
    );
  }

  #end(run: RunId, exitCode: number, reason: 'exited' | 'cancelled'): void {
    clearTimeout(this.#ends.get(run));
    if (!this.#ends.delete(run)) return;
    this.emit(run, { kind: 'finished', exitCode, reason });
  }
}
