/** The clients of the running kernels' runners: one for each live container. */

import type { KernelId } from '../lib/ids.ts';
import type { RunnerAddress, RunnerClient, RunnerConnector } from '../runner-client/runner-client.ts';
import type { KernelRecord } from './record.ts';

interface Open {
  readonly generation: number;
  readonly client: RunnerClient;
}

/** Opens, finds and closes runner clients. */
export class RunnerClients {
  readonly #open = new Map<KernelId, Open>();
  readonly #connect: RunnerConnector;
  readonly #addressOf: (record: KernelRecord) => RunnerAddress;

  constructor(connect: RunnerConnector, addressOf: (record: KernelRecord) => RunnerAddress) {
    this.#connect = connect;
    this.#addressOf = addressOf;
  }

  /** The client of the record's container; made at the first call. */
  open(record: KernelRecord): RunnerClient {
    const known = this.#open.get(record.spec.id);
    if (known?.generation === record.generation) return known.client;
    known?.client.ended({ exitCode: 137, detail: 'the kernel was restarted' });
    const client = this.#connect(this.#addressOf(record));
    this.#open.set(record.spec.id, { generation: record.generation, client });
    return client;
  }

  /** The client of a kernel, or null when it has none. */
  get(kernel: KernelId): RunnerClient | null {
    return this.#open.get(kernel)?.client ?? null;
  }

  /** Ends the client of a container that has ended, and closes it. Does nothing when there is none. */
  async end(kernel: KernelId, reason: { exitCode: number; detail: string }): Promise<void> {
    const known = this.#open.get(kernel);
    if (!known) return;
    this.#open.delete(kernel);
    known.client.ended(reason);
    await known.client[Symbol.asyncDispose]();
  }

  /** Closes every connection and leaves the runners as they are. */
  async [Symbol.asyncDispose](): Promise<void> {
    const open = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(open.map(({ client }) => client[Symbol.asyncDispose]()));
  }
}
