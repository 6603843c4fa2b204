/** The invariants of a node, whatever became of its daemon: what it says, its files, the engine and the ports agree. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { listeningPorts } from './inventory.ts';
import {
  type AskedNode,
  containedKernels,
  eventsOf,
  eventually,
  listedKernels,
  type NodeKernel,
  statusOf,
} from './node-facts.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

async function settledKernels(node: AskedNode): Promise<readonly NodeKernel[]> {
  return await eventually('no kernel is on its way', async () => {
    const kernels = await listedKernels(node);
    return kernels.every(({ phase }) => phase === 'running') ? kernels : null;
  });
}

/**
 * Asserts that every kernel runs or is gone for good, that each is counted once everywhere, and that each has as many
 * terminal events as ends: none or one. Returns those that run. `mayCount`: counts of what should never be that may have risen.
 */
export async function checkInvariants(
  node: AskedNode,
  { mayCount = new Set() }: { readonly mayCount?: ReadonlySet<string> } = {},
): Promise<readonly NodeKernel[]> {
  const kernels = await settledKernels(node);
  const ids = kernels.map(({ id }) => id).sort();
  const hostPorts = kernels.flatMap(({ ports }) => ports.map(({ hostPort }) => hostPort));
  const [records, scratch] = await Promise.all(
    ['kernels', 'scratch'].map(async (name) => (await readdir(path.join(node.stateDir, name))).sort()),
  );
  const { ends, unended } = await endsOf(node);
  const containers = await containedKernels(node);
  // Last, so that what put the others right has been counted.
  const { slots, invariantViolations } = await statusOf(node);
  const found = {
    containers,
    records,
    // What is being deleted and what is kept of kernels that nobody asked to end is no kernel's any more.
    scratch: scratch?.filter((name) => !['.trash', '.kept'].includes(name)),
    cpus: slots.cpus.used,
    memory: slots.memoryBytes.used,
    ports: slots.ports.used,
    sharedPorts: hostPorts.length - new Set(hostPorts).size,
    unended,
    endedTwice: [...ends].filter(([, count]) => count > 1).map(([id]) => id),
    endedAlive: ids.filter((id) => ends.has(id)),
    violations: Object.entries(invariantViolations).filter(([what, count]) => count > 0 && !mayCount.has(what)),
  };
  assertSame(found, {
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
    violations: [],
  });
  const listening = await listeningPorts();
  assertSame({ silentPorts: hostPorts.filter((port) => !listening.includes(port)) }, { silentPorts: [] });
  return kernels;
}

/** Throws with each thing that is not as it should be, in a line of its own. */
function assertSame(found: Readonly<Record<string, unknown>>, expected: Readonly<Record<string, unknown>>): void {
  const lines = Object.entries(expected)
    .filter(([name, value]) => !isDeepStrictEqual(found[name], value))
    .map(([name, value]) => `${name} are ${JSON.stringify(found[name])}, not ${JSON.stringify(value)}`);
  if (lines.length > 0) throw new Error(lines.join('\n'));
}

/** How often each kernel has ended, and which began and did not end, by the events. */
async function endsOf(node: AskedNode) {
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
