/** The invariants of a node, whatever became of its daemon: what it says, its files, the engine and the ports agree. */
import { deepStrictEqual } from 'node:assert';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { kernelListSchema } from '../../src/http/routes/kernels.ts';
import { listeningPorts } from './inventory.ts';
import { callApi } from './local-api.ts';
import { containedKernels, eventsOf, eventually, type NodeKernel, statusOf } from './node-facts.ts';
import type { NodeUnderTest } from './node-under-test.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

async function settledKernels(node: NodeUnderTest): Promise<readonly NodeKernel[]> {
  return await eventually('no kernel is on its way', async () => {
    const { document } = await callApi(node.socket, 'GET', '/v1/kernels');
    const { kernels } = kernelListSchema.parse(document);
    return kernels.every(({ phase }) => phase === 'running') ? kernels : null;
  });
}

/**
 * Asserts that every kernel runs or is gone for good, that each is counted once everywhere, and that each has as many
 * terminal events as ends: none or one. Returns those that run.
 */
export async function checkBooks(node: NodeUnderTest): Promise<readonly NodeKernel[]> {
  const kernels = await settledKernels(node);
  const ids = kernels.map(({ id }) => id).sort();
  const { slots, invariantViolations } = await statusOf(node);
  const hostPorts = kernels.flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort));
  const [records, scratch] = await Promise.all(
    ['kernels', 'scratch'].map(async (name) => (await readdir(path.join(node.stateDir, name))).sort()),
  );
  const { ends, unended } = await endsOf(node);
  const found = {
    containers: await containedKernels(node),
    records,
    scratch: scratch?.filter((name) => name !== '.trash'),
    cpus: slots.cpus.used,
    memory: slots.memoryBytes.used,
    ports: slots.ports.used,
    sharedPorts: hostPorts.length - new Set(hostPorts).size,
    unended,
    endedTwice: [...ends].filter(([, count]) => count > 1).map(([id]) => id),
    endedAlive: ids.filter((id) => ends.has(id)),
    odd: Object.entries(invariantViolations).filter(([, count]) => count > 0),
  };
  deepStrictEqual(found, {
    containers: ids,
    records: ids,
    scratch: ids,
    cpus: sum(kernels.map(({ limits }) => limits.cpus)),
    memory: sum(kernels.map(({ limits }) => limits.memoryBytes)),
    ports: hostPorts.length,
    sharedPorts: 0,
    unended: ids,
    endedTwice: [],
    endedAlive: [],
    odd: [],
  });
  const listening = await listeningPorts();
  deepStrictEqual(
    hostPorts.filter((port) => !listening.includes(port)),
    [],
  );
  return kernels;
}

/** How often each kernel has ended, and which began and did not end, by the events. */
async function endsOf(node: NodeUnderTest) {
  const ends = new Map<string, number>();
  const unended = new Set<string>();
  for (const { event } of await eventsOf(node)) {
    if (event.type === 'kernel-preparing') unended.add(event.kernelId);
    if (event.type !== 'kernel-terminated') continue;
    unended.delete(event.kernelId);
    ends.set(event.kernelId, (ends.get(event.kernelId) ?? 0) + 1);
  }
  return { ends, unended: [...unended].sort() };
}
