import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { usingFixtures } from '../../../test/support/kernels-fixture.ts';
import type { KernelHooks } from '../../kernel/kernel-hooks.ts';
import { silentLogger } from '../../lib/log.ts';
import { LastLogs, type LastLogsParts } from './last-logs.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

/** Kernels whose containers print two lines, and what is kept of them. */
async function node(change: Partial<LastLogsParts> = {}) {
  const stored = new Map<string, string>();
  const published: string[] = [];
  const said: string[] = [];
  const made: { keep?: KernelHooks['beforeRemoval'] } = {};
  const one = await fixture({
    dummy: {
      onStart: (container) => {
        container.write('stdout', 'first\r\n');
        container.write('stderr', 'second ä\n');
      },
    },
    parts: { hooks: [{ beforeRemoval: async (...of) => await made.keep?.(...of) }] },
  });
  const logs = new LastLogs({
    engine: one.engine,
    store: async (log, { containerId, chunkBytes }) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of log) pieces.push(piece);
      // The event comes after what is stored, and the container is still there.
      expect(one.dummy.container(containerId).state).toBe('exited');
      stored.set(containerId, Buffer.concat(pieces).toString());
      return Math.ceil(Buffer.concat(pieces).length / chunkBytes);
    },
    publish: (kernel, container) => void published.push(`${kernel} ${container}`),
    chunkBytes: () => 4,
    clock: new FakeClock(),
    log: { ...silentLogger, warn: (text) => void said.push(text) },
    ...change,
  });
  made.keep = (...of) => logs.keep(...of);
  const { registry } = one.kernels;
  const end = (id: Parameters<typeof registry.destroy>[0]) =>
    registry.destroy(id, { reason: 'user-requested', force: false });
  return { one, registry, stored, published, said, end };
}

it('keeps what a kernel’s last container wrote, and publishes that once', async () => {
  const { registry, stored, published, end, one } = await node();
  const first = await registry.create(specFixture(), never);
  const { spec, containerId } = await registry.restart(first.spec.id, never);
  expect(stored.size).toBe(0);
  using _failing = one.dummy.fail('removeContainer', { kind: 'error' }, { times: 1 });
  await end(spec.id);
  expect([...stored]).toEqual([[containerId, 'first\r\nsecond ä\n']]);
  expect(published).toEqual([`${spec.id} ${containerId}`]);
  expect(await one.leftovers()).toEqual([]);
});

it('keeps the log of a container that ended by itself, too', async () => {
  const { registry, stored, one } = await node();
  const { spec, containerId } = await registry.create(specFixture(), never);
  one.dummy.container(containerId ?? '').exit(3);
  await registry.destroy(spec.id, { reason: 'self-terminated', force: false });
  expect([...stored.keys()]).toEqual([containerId]);
});

it('gives a log up that cannot be stored, and says so', async () => {
  const { registry, published, said, end, one } = await node({
    store: async () => {
      throw new Error('no Redis here');
    },
  });
  const { spec } = await registry.create(specFixture(), never);
  await end(spec.id);
  expect(published).toEqual([]);
  expect(said).toEqual(['the log of an ended kernel is lost to managers']);
  expect(await one.leftovers()).toEqual([]);
});

it('holds up no end for longer than its bound', async () => {
  const clock = new FakeClock();
  const reached = Promise.withResolvers<void>();
  const { registry, said, end, one } = await node({
    clock,
    store: () => {
      reached.resolve();
      return new Promise(() => {});
    },
  });
  const { spec } = await registry.create(specFixture(), never);
  const ending = end(spec.id);
  await reached.promise;
  await setImmediate();
  expect(one.dummy.containers).toHaveLength(1);
  await clock.advance(10_000);
  await ending;
  expect(said).toHaveLength(1);
  expect(one.dummy.containers).toHaveLength(0);
});

it('cuts a log that takes too long to read, and keeps what there is', async () => {
  const clock = new FakeClock();
  const { registry, stored, published, end } = await node({
    clock,
    engine: {
      killContainer: async () => {},
      waitContainer: async () => 137,
      async *containerLogs() {
        for (;;) {
          await clock.advance(2_500);
          yield { stream: 'stdout' as const, data: Buffer.from('x') };
        }
      },
    },
    store: async (log, { containerId }) => {
      let text = '';
      for await (const piece of log) text += Buffer.from(piece).toString();
      stored.set(containerId, text);
      return 1;
    },
  });
  const { spec } = await registry.create(specFixture(), never);
  await end(spec.id);
  expect([...stored.values()]).toEqual(['xxx']);
  expect(published).toHaveLength(1);
});
