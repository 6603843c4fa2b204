/** A real engine that takes its containers along: kernels end with it, truthfully, and their homes do not. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import type { Kernel } from '../../src/http/api-types.ts';
import { within } from '../support/engine.ts';
import { type ExtraEngine, emptyImage } from '../support/extra-engine.ts';
import { eventsOf, eventually, inspected, kernelsOf, statusOf } from '../support/node-facts.ts';
import type { NodeUnderTest } from '../support/node-under-test.ts';
import { onOwnEngine } from '../support/own-engine.ts';
import { refused } from '../support/refusal.ts';

let engine: ExtraEngine;
let node: NodeUnderTest;
onOwnEngine([], 'missing-grace = "1s"', (own) => {
  ({ engine, node } = own);
});

const viewOf = (id: string): Promise<Kernel> => inspected(node, id);

/** A kernel whose user has left something in its home, where it lies there. */
async function precious(): Promise<{ id: string; file: string }> {
  const id = await node.create('--image', emptyImage, '--lang', 'shell');
  expect((await node.run(['exec', id, '-c', 'echo x >precious'])).status).toBe(0);
  return { id, file: path.join(node.stateDir, 'scratch', id, 'work', 'precious') };
}

/** What the engine has of anybody. */
async function foundInEngine(): Promise<readonly string[]> {
  await using docker = new DockerEngine({ dockerHost: engine.dockerHost });
  const containers = await docker.listContainers({}, within(10_000));
  const networks = await docker.listNetworks({ 'ai.kernelet.network-of': null }, within(10_000));
  return [...containers, ...networks].map(({ name }) => name);
}

/** Its end is told once, as that of the engine, and its home comes back. */
async function expectEndWithEngine(id: string): Promise<void> {
  const ended = async () => (await viewOf(id)).termination;
  expect(await eventually('the kernel has ended', ended, 60_000)).toMatchObject({
    reason: 'engine-restart',
    detail: expect.stringContaining('its container ended with the container engine'),
  });
  const ends = (await eventsOf(node)).filter(
    ({ event }) => event.kernelId === id && event.type === 'kernel-terminated',
  );
  expect(ends).toMatchObject([{ event: { reason: 'engine-restart' } }]);
  expect(await node.run(['restore', id])).toMatchObject({ status: 0, text: `${id}\n` });
  expect((await node.run(['exec', id, '-c', 'cat precious'])).text).toBe('x\n');
  expect((await node.run(['rm', id])).status).toBe(0);
}

// @promise true-cause, reboot, homes-kept
describe('an engine that ends its containers', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s: its kernels and their runs have ended with it, once, and their homes come back',
    async (signal) => {
      const { id } = await precious();
      const { child, outcome } = node.start(['exec', id, '-c', 'echo up; sleep 900']);
      await new Promise((resolve) => child.stdout?.once('data', resolve));
      await engine.restart(signal);
      const run = await outcome;
      expect(run).toMatchObject({ status: 125, text: 'up\n' });
      await expectEndWithEngine(id);
    },
    90_000,
  );
});

// @promise other-engine
it('an engine that comes back with an empty data folder gets nothing and ends nothing, and everything is there with its data', async () => {
  const { id, file } = await precious();
  await engine.end('SIGTERM');
  await engine.beginEmpty();
  const told = async () => (await statusOf(node)).engine.detail.includes('is not the one that has the kernels') || null;
  await eventually('it is noticed', told, 30_000);
  // Longer than the grace and a sweep take.
  await sleep(12_000);
  expect(await readFile(file, 'utf8')).toBe('x\n');
  expect((await kernelsOf(node)).map((kernel) => kernel.id)).toEqual([id]);
  const { message } = await refused(node, ['create', '--image', emptyImage, '--lang', 'shell']);
  expect(message).toContain('is not the one that has the kernels of this node');
  expect(await foundInEngine()).toEqual([]);
  await engine.end('SIGTERM');
  await engine.begin();
  await expectEndWithEngine(id);
}, 90_000);
