/** Kernels whose containers ended with the engine or the machine, where the operator has them started again. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type FixtureOptions, type KernelsFixture, usingFixtures } from '../../test/support/kernels-fixture.ts';
import { systemClock } from '../lib/clock.ts';
import type { KernelRecord } from './record.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const settings = { onEngineRestart: 'restart', keptHomes: { keepMs: 3_600_000, maxBytes: 2 ** 30 } } as const;

/** The pauses between tries are over at once. */
const pausesMs: ReadonlySet<number> = new Set([4_000, 8_000, 16_000, 32_000]);
const clock = {
  ...systemClock,
  after: (delayMs: number, callback: () => void) => systemClock.after(pausesMs.has(delayMs) ? 0 : delayMs, callback),
};

interface WithFile {
  readonly one: KernelsFixture;
  readonly before: KernelRecord;
  readonly file: string;
}

/** A kernel whose user has written a file. */
async function withFile(options: FixtureOptions = {}): Promise<WithFile> {
  const one = await fixture({ settings, ...options });
  await one.kernels.registry.recover(never);
  const environ = [['GREETING', 'hello']] as const;
  const before = await one.kernels.registry.create(specFixture({ publish: [80], environ }), never);
  const file = join(one.kernels.scratch.paths(before.spec.id).work, 'precious');
  await writeFile(file, 'x');
  return { one, before, file };
}

/** The engine begins anew after some time, and has ended its containers. */
async function restartEngine({ dummy }: KernelsFixture): Promise<void> {
  const now = Date.now();
  await expect.poll(() => Date.now()).toBeGreaterThan(now);
  dummy.restart(137);
}

/** What the kernel has after its restart, beside a container of its own. */
const again = ({ spec, placement }: KernelRecord) => ({
  ...{ spec, placement, phase: 'running', generation: 2, termination: null },
  restarts: { count: 1, reason: 'engine-restart', tries: 1, detail: expect.stringContaining('engine') },
});

// @promise engine-restart-asked
describe('a kernel whose container ended with its engine', () => {
  it('is started again with its id, home, ports and environment, and tells so', async () => {
    const { one, before, file } = await withFile();
    const { registry } = one.kernels;
    const { id } = before.spec;
    await restartEngine(one);
    await registry.sweep(never);
    await expect.poll(() => one.types().filter((type) => type === 'kernel-started')).toHaveLength(2);
    expect(registry.get(id)).toMatchObject(again(before));
    expect(registry.get(id).containerId).not.toBe(before.containerId);
    expect([await readFile(file, 'utf8'), one.containerOf(id).running, one.dummy.containers.length]).toEqual([
      'x',
      true,
      1,
    ]);
    expect([one.devices.holders(), [...one.leases.held.values()]]).toEqual([[id], [id]]);
    expect(one.events.slice(-2)).toMatchObject([
      { type: 'kernel-restarting', reason: 'engine-restart', detail: expect.stringContaining('engine') },
      { type: 'kernel-started', restarted: true },
    ]);
    // Who waited for something of the old container is told why that will not come.
    expect(one.clients[0]?.end?.detail).toContain('engine');
  });

  it('is started again by the daemon that finds it so', async () => {
    const { one, before, file } = await withFile();
    const { id } = before.spec;
    await one[Symbol.asyncDispose]();
    await restartEngine(one);
    const two = await fixture({ folder: one.folder, engine: one.dummy, settings });
    const { registry } = two.kernels;
    expect(await registry.recover(never)).toEqual({ adopted: 1, ended: 0, quarantined: 0 });
    expect(registry.get(id)).toMatchObject(again(before));
    expect([await readFile(file, 'utf8'), two.dummy.containers.length]).toEqual(['x', 1]);
    expect(two.types()).toEqual(['kernel-restarting', 'kernel-started']);
  });

  it('ends after five tries, with its home kept', async () => {
    const { one, before } = await withFile({ parts: { clock } });
    const { registry } = one.kernels;
    const { id } = before.spec;
    one.dummy.fail('startContainer', { kind: 'error' }, { times: 100 });
    await restartEngine(one);
    await registry.sweep(never);
    await expect.poll(() => registry.get(id).phase).toBe('terminated');
    expect(registry.get(id)).toMatchObject({
      termination: { reason: 'failed-to-start', detail: expect.stringContaining('in 5 tries') },
      restarts: { count: 1, reason: 'engine-restart', tries: 5 },
    });
    expect(one.dummy.calls.filter(({ method }) => method === 'startContainer')).toHaveLength(6);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
    const [kept] = await registry.kept();
    expect(kept?.home.kernel).toBe(id);
    expect(
      await readFile(join(one.kernels.scratch.kept.pathOf(kept?.home ?? { name: '' }), 'work', 'precious'), 'utf8'),
    ).toBe('x');
    expect(await one.leftovers()).toEqual(['scratch/.kept']);
  });

  it('ends, and is not started again, when its program ended by itself', async () => {
    const { one, before } = await withFile();
    const { registry } = one.kernels;
    one.containerOf(before.spec.id).exit(3);
    await registry.sweep(never);
    await expect.poll(() => registry.get(before.spec.id).termination?.reason).toBe('self-terminated');
  });

  it('ends with its home kept where the operator says nothing', async () => {
    const { keptHomes } = settings;
    const { one, before } = await withFile({ settings: { keptHomes } });
    const { registry } = one.kernels;
    await restartEngine(one);
    await registry.sweep(never);
    await expect.poll(() => registry.get(before.spec.id).termination?.reason).toBe('engine-restart');
    await expect.poll(async () => (await registry.kept()).map(({ home }) => home.kernel)).toEqual([before.spec.id]);
  });
});
