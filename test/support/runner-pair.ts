/** A fake runner and a client of it, over a socket of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NumberedRunEvent } from '../../src/protocol/run-event.ts';
import { RunnerConnection } from '../../src/runner-client/runner-connection.ts';
import type { RunnerConnectionOptions } from '../../src/runner-client/runner-options.ts';
import { FakeRunner } from './fake-runner.ts';

/** The pair. Disposing it ends its clients, the runner and the folder of the socket, in this order. */
export class RunnerPair implements AsyncDisposable {
  readonly folder: string;
  readonly path: string;
  readonly runner: FakeRunner;
  readonly client: RunnerConnection;
  readonly #clients: RunnerConnection[] = [];

  private constructor(folder: string, path: string, runner: FakeRunner, options: RunnerConnectionOptions) {
    this.folder = folder;
    this.path = path;
    this.runner = runner;
    this.client = this.connect(options);
  }

  /** With a runner that does not listen yet, unless `listens`. */
  static async open({ listens, ...options }: RunnerConnectionOptions & { listens: boolean }): Promise<RunnerPair> {
    const folder = await mkdtemp(join(tmpdir(), 'runner-'));
    const path = join(folder, 'runner.sock');
    const runner = new FakeRunner();
    if (listens) await runner.listen(path);
    return new RunnerPair(folder, path, runner, options);
  }

  /** One more client, which the disposal ends too. */
  connect(options: RunnerConnectionOptions): RunnerConnection {
    const client = new RunnerConnection({ socketPath: this.path, secret: 'secret' }, options);
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client[Symbol.asyncDispose]();
    await this.runner[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }
}

/** All events of a run. */
export async function collect(events: AsyncIterable<NumberedRunEvent>): Promise<NumberedRunEvent[]> {
  const seen: NumberedRunEvent[] = [];
  for await (const event of events) seen.push(event);
  return seen;
}

/** Waits, bounded, for what comes over the socket in its own time. */
export const until = async (condition: () => boolean): Promise<void> => {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries > 2000) throw new Error('the condition never came true');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
};
