/** A real engine that ends and starts again under its kernels, where the operator has them started again. */
import { describe, expect, it } from 'vitest';
import type { Kernel } from '../../src/http/api-types.ts';
import { type ExtraEngine, emptyImage } from '../support/extra-engine.ts';
import { eventsOf, eventually, inspected } from '../support/node-facts.ts';
import type { NodeUnderTest } from '../support/node-under-test.ts';
import { onOwnEngine } from '../support/own-engine.ts';

let engine: ExtraEngine;
let node: NodeUnderTest;
onOwnEngine([], 'on-engine-restart = "restart"', (own) => {
  ({ engine, node } = own);
});

const viewOf = (id: string): Promise<Kernel> => inspected(node, id);

const textOf = async (id: string, program: string): Promise<string> =>
  (await node.run(['exec', id, '-c', program])).text.trim();

/** A kernel whose user has left something in its home and, soon gone, in a variable. */
async function lively(): Promise<Kernel> {
  const id = await node.create(
    '--image',
    emptyImage,
    '--lang',
    'shell',
    '--publish',
    '8000',
    '--env',
    'GREETING=hello',
  );
  expect(await textOf(id, 'echo precious >kept; here=1; echo "$here"')).toBe('1');
  return await viewOf(id);
}

/** Waits until it runs in another container, and looks at all that is to have stayed. */
async function expectAgain(before: Kernel): Promise<void> {
  const { id } = before;
  await eventually(
    'the kernel runs again',
    async () => {
      const { phase, restarts, termination } = await viewOf(id);
      if (termination) throw new Error(`it has ended: ${termination.detail}`);
      return phase === 'running' && restarts !== null ? true : null;
    },
    60_000,
  );
  const view = await viewOf(id);
  const { sessionId, ports, limits, network, user, environ, image } = before;
  expect(view).toMatchObject({ sessionId, ports, limits, network, user, environ, image, termination: null });
  expect(view.restarts).toMatchObject({ count: 1, reason: 'engine-restart' });
  expect(view.containerId).not.toBe(before.containerId);
  expect(await textOf(id, 'cat kept; echo "$GREETING ${here:-gone}"')).toBe('precious\nhello gone');
  expect((await node.run(['ps'])).text).toContain('running (restarted 1×, engine-restart)');
  const events = (await eventsOf(node))
    .map(({ event }) => event)
    .filter(({ kernelId, type }) => kernelId === id && type.startsWith('kernel-'));
  expect(events.map(({ type }) => type)).toEqual([
    ...['kernel-preparing', 'kernel-creating', 'kernel-started', 'kernel-restarting', 'kernel-started'],
  ]);
  expect(events[3]).toMatchObject({ reason: 'engine-restart', detail: expect.stringContaining('container engine') });
  await node.run(['rm', '-f', id]);
}

// @promise engine-restart-asked
describe('a kernel whose engine is restarted', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s runs again under the daemon that sees it',
    async (signal) => {
      const before = await lively();
      await engine.restart(signal);
      await expectAgain(before);
    },
    180_000,
  );

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'by %s while no daemon was there runs again under the next',
    async (signal) => {
      const before = await lively();
      await node.endDaemon('SIGKILL');
      await engine.restart(signal);
      await node.startDaemon();
      await expectAgain(before);
    },
    180_000,
  );
});
