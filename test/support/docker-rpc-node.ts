/** A node on the real engine that a test calls as a manager does: real containers and real runners. */
import { readFile } from 'node:fs/promises';
import { defaultEntrypoint, defaultHardening } from '../../src/kernel/container/container-spec.ts';
import { type KernelId, newRunId } from '../../src/lib/ids.ts';
import { machinePacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { socketsOf } from '../../src/network/prewarmed-network.ts';
import { createRunnerConnector } from '../../src/runner-client/runner-connection.ts';
import { networkBytes } from '../../src/stats/container-collectors.ts';
import { connectTestEngine, within } from './engine.ts';
import { type FixtureOptions, testSettings } from './kernels-fixture.ts';
import { RpcNode } from './rpc-node.ts';
import { testVolume } from './runner-images.ts';
import { shellCommand } from './runner-session.ts';

/** What a test may decide. */
export interface DockerNodeOptions extends Pick<FixtureOptions, 'checkMounts'> {
  readonly container?: Partial<typeof testSettings.container>;
}

export async function startDockerNode({ container, ...options }: DockerNodeOptions = {}): Promise<RpcNode> {
  const engine = await connectTestEngine();
  const volume = await testVolume();
  return await RpcNode.start({
    ...options,
    engine,
    parts: {
      connectRunner: createRunnerConnector(),
      networkBytes: async (pid) => networkBytes(await readFile(`/proc/${pid}/net/dev`, 'utf8'), { loopback: false }),
      readSockets: socketsOf,
      packetFilter: machinePacketFilter,
    },
    settings: {
      readyTimeoutMs: 60_000,
      container: {
        ...testSettings.container,
        volume: { hostPath: async () => volume, entrypoint: defaultEntrypoint },
        hardening: defaultHardening,
        init: true,
        ...container,
      },
    },
  });
}

/** What a shell command of the tenant prints. Throws when it does not end well. */
export async function shellIn(node: RpcNode, kernel: KernelId, script: string): Promise<string> {
  const { agent } = node.fixture;
  const run = newRunId();
  const signal = within(60_000);
  await agent.execute(kernel, run, shellCommand(script), signal);
  const printed: string[] = [];
  for await (const { event, body } of agent.events(kernel, run, 0, signal)) {
    if (event.kind === 'stdout' || event.kind === 'stderr') printed.push(Buffer.from(body).toString());
    if (event.kind === 'finished' && event.exitCode !== 0) {
      throw new Error(`${script} ended with status ${event.exitCode}: ${printed.join('')}`);
    }
  }
  return printed.join('');
}
