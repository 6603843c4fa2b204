import { mkdir, readdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { impatientClock } from '../../test/support/impatient-clock.ts';
import { specFixture } from '../../test/support/kernel-record.ts';
import { type KernelsFixture, usingFixtures } from '../../test/support/kernels-fixture.ts';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;

describe('restarting', () => {
  it('makes a new container with the same ports and files', async () => {
    const one = await fixture();
    const spec = specFixture({ publish: [80] });
    const before = await one.kernels.registry.create(spec, never);
    const kept = join(one.state.scratch, spec.id, 'work', 'kept.txt');
    await writeFile(kept, 'data');
    const [after, joined] = await Promise.all([
      one.kernels.registry.restart(spec.id, never),
      one.kernels.registry.restart(spec.id, never),
    ]);
    expect(after).toMatchObject({ phase: 'running', generation: 2, placement: before.placement });
    expect(joined.generation).toBe(2);
    expect(after.containerId).not.toBe(before.containerId);
    expect(one.dummy.containers).toHaveLength(1);
    expect(await readdir(join(one.state.scratch, spec.id, 'work'))).toEqual(['kept.txt']);
    expect(one.clients[0]?.address.secret).not.toBe(one.clients[1]?.address.secret);
    await one.kernels.registry.destroy(spec.id, { reason: 'user-requested', force: true });
    expect(await one.leftovers()).toEqual([]);
  });

  it('replaces changed variables, and keeps the others', async () => {
    const one = await fixture();
    const spec = specFixture({
      environ: [
        ['A', '1'],
        ['B', '2'],
      ],
    });
    await one.kernels.registry.create(spec, never);
    const changed = await one.kernels.registry.restart(spec.id, never, [
      ['B', 'new'],
      ['C', '3'],
    ]);
    const wanted = { A: '1', B: 'new', C: '3' };
    expect(Object.fromEntries(changed.spec.environ)).toEqual(wanted);
    const text = await readFile(join(one.state.scratch, spec.id, 'config', 'environ.txt'), 'utf8');
    expect(text).toContain('B=new');
    expect(Object.fromEntries((await one.kernels.registry.restart(spec.id, never)).spec.environ)).toEqual(wanted);
  });

  it('is refused while the engine has not the image any more, and the kernel runs on', async () => {
    const one = await fixture();
    const { spec, containerId } = await one.kernels.registry.create(specFixture(), never);
    await one.dummy.removeImage(spec.image.reference, { force: true }, never);
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(one.kernels.registry.get(spec.id)).toMatchObject({ phase: 'running', generation: 1, containerId });
    expect(one.dummy.containers).toHaveLength(1);
    expect(one.clients[0]?.end).toBeNull();
  });

  it('ends the kernel when the new container does not come up', async () => {
    const one = await fixture();
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    one.dummy.fail('startContainer', { kind: 'error' });
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(one.events.at(-1)).toMatchObject({ type: 'kernel-terminated', reason: 'failed-to-start' });
    expect(await one.leftovers()).toEqual([]);
  });

  it('waits for an old container that takes most of a minute to go', async () => {
    const clock = new FakeClock();
    const one = await fixture({ dummy: { clock }, parts: { clock } });
    const spec = specFixture();
    await one.kernels.registry.create(spec, never);
    using _slow = one.dummy.fail('removeContainer', { kind: 'delay', delayMs: 55_000 });
    const restarted = one.kernels.registry.restart(spec.id, never);
    await expect.poll(() => one.dummy.calls.some(({ method }) => method === 'removeContainer')).toBe(true);
    await clock.advance(54_999);
    expect(one.kernels.registry.get(spec.id).phase).toBe('restarting');
    await clock.advance(1);
    expect(await restarted).toMatchObject({ phase: 'running', generation: 2 });
    expect(one.dummy.containers).toHaveLength(1);
  });

  it('mounts nothing that the tenant has put in the place of an allowed folder meanwhile', async () => {
    const one = await fixture();
    const source = join(one.folder, 'shared');
    await mkdir(source);
    const mounts = [{ source, target: '/data', readOnly: false }];
    const { spec } = await one.kernels.registry.create(specFixture({ mounts }), never);
    await rename(source, join(one.folder, 'aside'));
    await symlink('/etc', source);
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
    expect(await one.leftovers()).toEqual([]);
    expect(one.types().filter((type) => type === 'kernel-terminated')).toHaveLength(1);
  });

  it('does not let the tenant lead the mount over the runner’s folders', async () => {
    const one = await fixture();
    const mounts = [{ source: await realpath(one.folder), target: '/home/work/a/data', readOnly: false }];
    const { spec } = await one.kernels.registry.create(specFixture({ mounts }), never);
    const { work } = one.kernels.scratch.paths(spec.id);
    await mkdir(join(work, 'z'));
    await symlink('/opt/kernel/run', join(work, 'z', 'data'));
    await rm(join(work, 'a'), { recursive: true });
    await symlink('z', join(work, 'a'));
    await expect(one.kernels.registry.restart(spec.id, never)).rejects.toMatchObject({ code: 'FORBIDDEN_MOUNT' });
    expect(await one.leftovers()).toEqual([]);
  });

  it.each([
    ['a mount', 'FORBIDDEN_MOUNT', { mounts: [{ source: '/', target: '/door/backend.ai', readOnly: true }] }],
    ['a volume of the image', 'FORBIDDEN_VOLUME', { image: { ...specFixture().image, volumes: ['/door/x'] } }],
  ])('and a creation start nothing when the way to %s leads over a link of the image', async (_, code, change) => {
    const one = await fixture({ dummy: { links: ['/door'] } });
    await expect(one.kernels.registry.create(specFixture(change), never)).rejects.toMatchObject({ code });
    expect(one.dummy.calls.some(({ method }) => method === 'startContainer')).toBe(false);
    expect(await one.leftovers()).toEqual([]);
  });
});

// @promise restart-not-lost
describe('a restart while the engine is away', () => {
  const unavailable = new KerneletError('ENGINE_UNAVAILABLE', 'the engine does not answer');

  /** What answers at its address has none of its data, until this is called. */
  function replaceEngine({ dummy }: KernelsFixture): () => void {
    const { listContainers, inspectContainer, readMark } = dummy;
    Object.assign(dummy, {
      listContainers: async () => [],
      inspectContainer: async () => null,
      readMark: async () => null,
    });
    return () => void Object.assign(dummy, { listContainers, inspectContainer, readMark });
  }

  async function withFile(one: KernelsFixture): Promise<{ readonly id: KernelId; readonly file: string }> {
    await one.kernels.registry.recover(never);
    const { spec } = await one.kernels.registry.create(specFixture({ publish: [80] }), never);
    const file = join(one.kernels.scratch.paths(spec.id).work, 'precious');
    await writeFile(file, 'x');
    return { id: spec.id, file };
  }

  const restarted = { phase: 'running', generation: 2, termination: null };

  it('answers the caller, keeps the kernel and its home, and is done by itself once the engine is back', async () => {
    const one = await fixture({ parts: { clock: impatientClock } });
    const { registry } = one.kernels;
    const { id, file } = await withFile(one);
    const goBack = replaceEngine(one);
    const refused = { code: 'ENGINE_CHANGED', message: expect.stringMatching(/as soon as .* kernelet engine accept/) };
    await expect(registry.restart(id, never)).rejects.toMatchObject(refused);
    await expect(registry.sweep(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    expect(registry.get(id)).toMatchObject({ phase: 'restarting', termination: null });
    expect([await readFile(file, 'utf8'), one.devices.holders()]).toEqual(['x', [id]]);
    goBack();
    await expect.poll(() => registry.get(id)).toMatchObject(restarted);
    expect([await readFile(file, 'utf8'), one.dummy.containers.length]).toEqual(['x', 1]);
    expect(one.types()).not.toContain('kernel-terminated');
  });

  it('is done once the engine is back that went away between the containers', async () => {
    const one = await fixture({ parts: { clock: impatientClock } });
    const { registry } = one.kernels;
    const { id, file } = await withFile(one);
    const fault = one.dummy.fail('createContainer', { kind: 'error', error: unavailable }, { times: 10_000 });
    await expect(registry.restart(id, never)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    expect(registry.get(id)).toMatchObject({ phase: 'restarting', termination: null });
    fault[Symbol.dispose]();
    await expect.poll(() => registry.get(id)).toMatchObject(restarted);
    expect([await readFile(file, 'utf8'), one.dummy.containers.length]).toEqual(['x', 1]);
    expect(one.types()).not.toContain('kernel-terminated');
  });

  it('can be cut short: the kernel is removed', async () => {
    const one = await fixture({ parts: { clock: impatientClock } });
    const { registry } = one.kernels;
    const { id } = await withFile(one);
    const fault = one.dummy.fail('inspectContainer', { kind: 'error', error: unavailable }, { times: 10_000 });
    await expect(registry.restart(id, never)).rejects.toMatchObject({ code: 'ENGINE_UNAVAILABLE' });
    const removed = registry.destroy(id, { reason: 'user-requested', force: false });
    fault[Symbol.dispose]();
    expect((await removed).termination?.reason).toBe('user-requested');
    expect(await one.leftovers()).toEqual([]);
  });

  it('is done after a start of the daemon, also when the engine goes away again meanwhile', async () => {
    const one = await fixture();
    const { id, file } = await withFile(one);
    const goBack = replaceEngine(one);
    await expect(one.kernels.registry.restart(id, never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    await one[Symbol.asyncDispose]();
    const parts = { clock: impatientClock };
    const two = await fixture({ folder: one.folder, engine: one.dummy, parts });
    const { registry } = two.kernels;
    await expect(registry.recover(never)).rejects.toMatchObject({ code: 'ENGINE_CHANGED' });
    goBack();
    const fault = one.dummy.fail('inspectContainer', { kind: 'error', error: unavailable }, { times: 10_000 });
    const recovered = registry.recover(never);
    await expect
      .poll(() => one.dummy.calls.filter(({ method }) => method === 'inspectContainer').length)
      .toBeGreaterThan(9);
    expect(registry.get(id)).toMatchObject({ phase: 'restarting', termination: null });
    fault[Symbol.dispose]();
    await recovered;
    await expect.poll(() => registry.get(id)).toMatchObject({ phase: 'running', termination: null });
    expect([await readFile(file, 'utf8'), one.dummy.containers.length]).toEqual(['x', 1]);
    expect(two.types()).not.toContain('kernel-terminated');
  });
});
