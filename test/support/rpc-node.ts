/** A node that a manager calls: an agent on the dummy engine behind a Callosum server, and a client of it. */
import { vi } from 'vitest';
import type { KernelView } from '../../src/agent/agent.ts';
import { methods } from '../../src/backendai/rpc/methods/index.ts';
import { maxMessageBytes, RpcServer } from '../../src/backendai/rpc/rpc-server.ts';
import { MessageRouter } from '../../src/backendai/transport/message-router.ts';
import type { MsgpackValue } from '../../src/backendai/wire/msgpack/value.ts';
import type { DummyMethod } from '../../src/engine/dummy/dummy-faults.ts';
import type { KernelId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { AgentFixture } from './agent-fixture.ts';
import { CallosumClient } from './callosum-client.ts';
import type { FixtureOptions } from './kernels-fixture.ts';
import { rpcServices, type TestServices } from './rpc-services.ts';

/** A kernel that is nowhere. */
export const unknownKernel = '00000000-0000-4000-8000-000000000000';
export const anySession = '11111111-0000-4000-8000-000000000000';

export class RpcNode implements AsyncDisposable {
  readonly fixture: AgentFixture;
  readonly services: TestServices;
  readonly client: CallosumClient;
  readonly #cleanups: AsyncDisposableStack;

  private constructor(
    fixture: AgentFixture,
    services: TestServices,
    client: CallosumClient,
    cleanups: AsyncDisposableStack,
  ) {
    this.fixture = fixture;
    this.services = services;
    this.client = client;
    this.#cleanups = cleanups;
  }

  static async start(options: FixtureOptions = {}): Promise<RpcNode> {
    await using cleanups = new AsyncDisposableStack();
    const fixture = cleanups.use(await AgentFixture.start(options));
    const address = { host: '127.0.0.1', port: 0 };
    const socket = cleanups.use(await MessageRouter.bind({ address, curve: null, maxMessageBytes, log: silentLogger }));
    const { registry, sessionNetworks } = fixture.kernels.kernels;
    const { engine } = fixture.kernels;
    const services = cleanups.use(
      rpcServices({ agent: fixture.agent, kernels: registry, networks: sessionNetworks, engine }),
    );
    const server = new RpcServer({ socket, methods, services, log: silentLogger });
    void server.run();
    const client = cleanups.use(CallosumClient.connect(socket.endpoint));
    return new RpcNode(fixture, services, client, cleanups.move());
  }

  async kernel(): Promise<KernelView> {
    return await this.fixture.agent.create(
      { image: 'kernelet/base:latest', environ: {}, mounts: [], publish: [], interpreter: 'lazy' },
      AbortSignal.timeout(10_000),
    );
  }

  /** What a call gives. Throws an error with the class name and `repr` of its failure. */
  async call(name: string, ...args: readonly MsgpackValue[]): Promise<MsgpackValue> {
    const { type, value, failure } = await this.client.call(name, args);
    if (type !== 'result') throw new Error(failure ? `${failure[0]} ${failure[1]}` : type);
    return value;
  }

  /** Resolves when the dummy engine has been asked for this. */
  async engineCalled(wanted: DummyMethod): Promise<void> {
    const { dummy } = this.fixture.kernels;
    await vi.waitUntil(() => dummy.calls.some(({ method }) => method === wanted), { timeout: 5_000, interval: 5 });
  }

  /** What has been published, when tasks that have ended have given managers the time to listen. */
  async publishedByTasks(): Promise<readonly string[]> {
    await this.services.taskClock.advance(1_000);
    return this.services.published;
  }

  /** The runner of the only kernel. */
  get runner() {
    const [runner] = this.fixture.runners;
    if (!runner) throw new Error('no kernel has a runner yet');
    return runner;
  }

  /** Whether the agent has this kernel, alive. */
  async isLive(id: KernelId): Promise<boolean> {
    return (await this.fixture.agent.list({ all: false })).some((kernel) => kernel.id === id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanups.disposeAsync();
  }
}
