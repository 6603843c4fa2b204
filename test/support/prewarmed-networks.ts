/** The prewarmed networks of a node, as the engine shows them. */
import { labelNames } from '../../src/kernel/container/ownership.ts';
import { prewarmedNetworkLabels } from '../../src/network/prewarmed-network.ts';
import { engineGet } from './engine-api.ts';
import { eventually, statusOf } from './node-facts.ts';
import type { NodeUnderTest } from './node-under-test.ts';

/** Ids of the containers that hold them, sorted; those that run, but with `all`. */
export async function prewarmedNetworksOf(
  node: NodeUnderTest,
  options: { all?: boolean } = {},
): Promise<readonly string[]> {
  const { agentId } = await statusOf(node);
  const filters = encodeURIComponent(JSON.stringify({ label: [`${prewarmedNetworkLabels.owner}=${agentId}`] }));
  const listed = await engineGet(`/containers/json?all=${options.all === true}&filters=${filters}`);
  return listed
    .map((item) => (typeof item === 'object' && item !== null && 'Id' in item ? String(item.Id) : ''))
    .sort();
}

/** Runs a program, after which there are prewarmed networks; returns them when all are there. */
export async function prewarmedNetworks(node: NodeUnderTest): Promise<readonly string[]> {
  const { status, stderr } = await node.run(['run', '--lang', 'shell', '-c', 'true']);
  if (status !== 0) throw new Error(`run ended with status ${status}: ${stderr}`);
  return await eventually('two networks are ready', async () => {
    const found = await prewarmedNetworksOf(node);
    return found.length >= 2 ? found : null;
  });
}

async function listed(kernel: string): Promise<{ readonly Id: string; readonly HostConfig: { NetworkMode: string } }> {
  const filters = encodeURIComponent(JSON.stringify({ label: [`${labelNames.kernelId}=${kernel}`] }));
  const [own] = await engineGet(`/containers/json?all=true&filters=${filters}`);
  if (own === undefined) throw new Error(`${kernel} has no container`);
  return own as Awaited<ReturnType<typeof listed>>;
}

/** The id of a kernel's container. */
export async function containerOf(kernel: string): Promise<string> {
  return (await listed(kernel)).Id;
}

/** The network that a kernel's container has joined; null when it has one of its own. */
export async function joinedBy(kernel: string): Promise<string | null> {
  return /^container:([0-9a-f]{64})$/.exec((await listed(kernel)).HostConfig.NetworkMode)?.[1] ?? null;
}
