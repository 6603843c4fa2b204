/** Kernels whose containers the engine does not list. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import {
  type FakeRunnerClient,
  graceOf1Ms,
  type KernelsFixture,
  keepingHomes,
  usingFixtures,
} from '../../../test/support/kernels-fixture.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { KernelsSettings } from '../assemble.ts';
import { decodeRecord, type KernelRecord } from '../record.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

const recordOf = async ({ state }: KernelsFixture, id: KernelId): Promise<KernelRecord> =>
  decodeRecord(await readFile(join(state.kernels, id, 'record.json'), 'utf8'));

describe('a container that is not listed', () => {
  async function missing(
    settings: Partial<KernelsSettings> = {},
  ): Promise<{ one: KernelsFixture; id: KernelId; back: () => void }> {
    const one = await fixture({ settings: { ...keepingHomes, ...settings } });
    const { registry } = one.kernels;
    await registry.recover(never);
    const spec = specFixture();
    await registry.create(spec, never);
    const { listContainers, inspectContainer } = one.dummy;
    Object.assign(one.dummy, { listContainers: async () => [], inspectContainer: async () => null });
    return { one, id: spec.id, back: () => void Object.assign(one.dummy, { listContainers, inspectContainer }) };
  }

  it('makes its kernel missing, for whom requests are refused, until it is listed again', async () => {
    const { one, id, back } = await missing({ missingGraceMs: 60_000 });
    const { registry } = one.kernels;
    for (let pass = 0; pass < 3; pass += 1) await registry.sweep(never);
    expect(registry.get(id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect(() => registry.client(id)).toThrow(expect.objectContaining({ code: 'KERNEL_MISSING' }));
    await expect.poll(async () => (await recordOf(one, id)).missingSince).toBe(registry.get(id).missingSince);
    back();
    await registry.sweep(never);
    await expect.poll(() => registry.get(id)).toMatchObject({ phase: 'running', missingSince: null });
    expect(registry.client(id)).toBe(one.clients[0]);
    expect(one.types()).not.toContain('kernel-terminated');
  });

  // @promise missing-first
  it('ends its kernel at the second sight after the grace, and never at the first', async () => {
    const { one, id } = await missing();
    const { registry } = one.kernels;
    await registry.sweep(never);
    expect(registry.get(id).phase).toBe('running');
    await registry.sweep(never);
    await expect.poll(() => registry.list()).toHaveLength(0);
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'container-not-found' });
    expect(registry.get(id).termination?.detail).toMatch(/^the engine, .* has not listed it for/);
    await one.kernels.scratch.settled();
    expect((await registry.kept()).map(({ home }) => home.kernel)).toEqual([id]);
  });

  it('leaves a kernel alone whose runner answers, which is used on, and ends it once the runner does not', async () => {
    const { one, id } = await missing(graceOf1Ms);
    const { registry } = one.kernels;
    const client = one.clients[0] as FakeRunnerClient;
    client.answers = true;
    await registry.sweep(never);
    // Its actor must be free: behind a write that is under way an end would wait, unseen.
    await expect.poll(async () => (await recordOf(one, id)).missingSince).not.toBeNull();
    for (let pass = 0; pass < 3; pass += 1) await one.sweepAfterGrace();
    expect(registry.get(id)).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect(registry.client(id)).toBe(client);
    client.answers = false;
    await one.sweepAfterGrace();
    await expect.poll(() => registry.list()).toHaveLength(0);
  });
});
