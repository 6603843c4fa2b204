/** What a node says of itself, checked against the schemas of its own API, and waiting for it to say something else. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { z } from '@hono/zod-openapi';
import type { Kernel } from '../../src/http/api-types.ts';
import { kernelEventSchema } from '../../src/http/routes/events.ts';
import { kernelListSchema, kernelSchema } from '../../src/http/routes/kernel-schema.ts';
import { statusReplySchema } from '../../src/http/routes/status.ts';
import { labelNames } from '../../src/kernel/container/ownership.ts';
import type { Outcome } from './command.ts';
import { engineGet } from './engine-api.ts';
import { callApi } from './local-api.ts';

/** A node with a daemon, alone or in a cluster, as far as it can be asked. */
export interface AskedNode {
  /** Of its local API, as in `KERNELET_SOCKET`. */
  readonly socket: string;
  readonly stateDir: string;
  /** Runs a command on it. */
  run(args: readonly string[]): Promise<Outcome>;
}

/** `GET /v1/status`. */
export type NodeStatus = z.output<typeof statusReplySchema>;
/** A kernel as the API shows it. */
export type NodeKernel = z.output<typeof kernelSchema>;
/** An event as the API shows it. */
export type NodeEvent = z.output<typeof kernelEventSchema>;

export async function statusOf(node: Pick<AskedNode, 'socket'>): Promise<NodeStatus> {
  return statusReplySchema.parse((await callApi(node.socket, 'GET', '/v1/status')).document);
}

/** The kernels that the API lists. */
export async function listedKernels(node: Pick<AskedNode, 'socket'>): Promise<readonly NodeKernel[]> {
  return kernelListSchema.parse((await callApi(node.socket, 'GET', '/v1/kernels')).document).kernels;
}

/** The kernels that `ps` lists. */
export async function kernelsOf(node: AskedNode): Promise<readonly NodeKernel[]> {
  const outcome = await node.run(['ps', '--json']);
  if (outcome.status !== 0) throw new Error(`ps ended with status ${outcome.status}: ${outcome.stderr}`);
  return kernelSchema.array().parse(JSON.parse(outcome.text));
}

/** A kernel as `inspect` shows it, also one that has ended. */
export async function inspected(node: AskedNode, id: string): Promise<Kernel> {
  const outcome = await node.run(['inspect', id, '--json']);
  if (outcome.status !== 0) throw new Error(`inspect ended with status ${outcome.status}: ${outcome.stderr}`);
  return JSON.parse(outcome.text) as Kernel;
}

/** All events that the node keeps, in order. */
export async function eventsOf(node: AskedNode): Promise<readonly NodeEvent[]> {
  const outcome = await node.run(['events', '--json']);
  if (outcome.status !== 0) throw new Error(`events ended with status ${outcome.status}: ${outcome.stderr}`);
  const lines = outcome.text.split('\n').filter((line) => line !== '');
  return lines.map((line) => kernelEventSchema.parse(JSON.parse(line)));
}

/** Ids of the kernels of all containers that the engine has of this node, in whatever state, sorted. */
export async function containedKernels(node: AskedNode): Promise<readonly string[]> {
  const { agentId } = await statusOf(node);
  const filters = encodeURIComponent(JSON.stringify({ label: [`${labelNames.owner}=${agentId}`] }));
  const listed = await engineGet(`/containers/json?all=true&filters=${filters}`);
  return listed.map((item) => labelOf(item, labelNames.kernelId)).sort();
}

function labelOf(item: unknown, name: string): string {
  const labels = typeof item === 'object' && item !== null && 'Labels' in item ? item.Labels : null;
  const entries = typeof labels === 'object' && labels !== null ? Object.entries(labels) : [];
  return String(entries.find(([key]) => key === name)?.[1] ?? '');
}

/**
 * Asks again and again until `check` gives something else than null, and returns that. Throws with `what` and what
 * the last check threw when `limitMs` is over.
 */
export async function eventually<T>(what: string, check: () => Promise<T | null>, limitMs = 20_000): Promise<T> {
  let last: unknown;
  for (const limit = performance.now() + limitMs; performance.now() < limit; await sleep(100)) {
    try {
      const found = await check();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`within ${limitMs} ms it did not happen: ${what}`, { cause: last });
}

/** Waits until the node has nothing: no kernel, no container, no slot, no port in use. */
export async function untilEmpty(node: AskedNode, limitMs = 40_000): Promise<void> {
  let found: unknown;
  await eventually(
    'the node is empty',
    async () => {
      const { slots, kernels } = await statusOf(node);
      const used = { kernels, cpus: slots.cpus.used, memory: slots.memoryBytes.used, ports: slots.ports.used };
      const containers = await containedKernels(node);
      found = { ...used, containers };
      return Object.values(used).every((count) => count === 0) && containers.length === 0 ? true : null;
    },
    limitMs,
  ).catch((cause: unknown) => {
    throw new Error(`the node is not empty: ${JSON.stringify(found)}`, { cause });
  });
}
