/** Kernels on prewarmed networks: taken, handed on, given back, and found again after a crash. */
import { describe, expect, it } from 'vitest';
import { specFixture } from '../../test/support/kernel-record.ts';
import {
  type FixtureOptions,
  KernelsFixture,
  testSettings,
  usingFixtures,
} from '../../test/support/kernels-fixture.ts';
import { stepNames } from '../../test/support/revert-matrix.ts';
import { prewarmedNetworkLabels } from '../network/prewarmed-network.ts';
import { defaultHardening } from './container/container-spec.ts';
import { labelNames } from './container/ownership.ts';
import type { CreationPlan, CreationStep } from './creation/step.ts';

const fixture = usingFixtures();
const never = new AbortController().signal;
const ready: FixtureOptions = { settings: { prewarmedNetworks: 2 } };
const force = { reason: 'user-requested', force: true } as const;

const prewarmedNetworksOf = (one: KernelsFixture) =>
  one.dummy.containers.filter(
    ({ spec, running }) => running && spec.labels[prewarmedNetworkLabels.owner] !== undefined,
  );
const networkOf = (one: KernelsFixture, kernel: string) =>
  one.dummy.containers.find(({ spec }) => spec.labels[labelNames.kernelId] === kernel)?.spec.network;

/** Lets a kernel come and go, and waits for the networks that are made after it. */
async function warm(one: KernelsFixture): Promise<void> {
  const spec = specFixture({ network: 'bridge' });
  await one.kernels.registry.create(spec, never);
  expect(networkOf(one, spec.id)).toBe(one.kernels.bridge.name);
  await expect.poll(() => prewarmedNetworksOf(one).length).toBe(2);
  await one.kernels.registry.destroy(spec.id, force);
}

describe('a kernel on a prewarmed network', () => {
  it('joins one, which the next kernel uses again', async () => {
    const one = await fixture(ready);
    await warm(one);
    const before = prewarmedNetworksOf(one).map(({ id }) => id);
    for (let round = 0; round < 3; round += 1) {
      const spec = specFixture({ network: 'bridge' });
      const { placement } = await one.kernels.registry.create(spec, never);
      expect(placement.prewarmedNetwork).toMatchObject({ receivedBytes: 100, sentBytes: 200 });
      expect(networkOf(one, spec.id)).toEqual({ kind: 'join', container: placement.prewarmedNetwork?.container });
      await one.kernels.registry.destroy(spec.id, force);
    }
    expect(prewarmedNetworksOf(one).map(({ id }) => id)).toEqual(before);
    expect(await one.leftovers()).toEqual([]);
    await one.kernels[Symbol.asyncDispose]();
    expect(one.dummy.containers).toEqual([]);
    expect(await one.engine.inspectNetwork(one.kernels.bridge.name, AbortSignal.timeout(1000))).toBeNull();
  });

  it.each([
    ['that publishes a port', { publish: [80] }, {}],
    ['without a network', { network: 'none' as const }, {}],
    ['of root', { user: { uid: 0, gid: 0 } }, {}],
    ['whose image has volumes', { image: { ...specFixture().image, volumes: ['/data'] } }, {}],
    ['where scripts of images run as root', {}, { imageBootstrap: 'root' as const }],
    ['with more capabilities', {}, { capabilities: ['SETUID', 'NET_ADMIN'] }],
    ['that may gain privileges', {}, { noNewPrivileges: false }],
    ['with fields of the engine’s own', {}, { overrides: async () => ({ HostConfig: { Privileged: true } }) }],
    ['with security options', {}, { securityOptions: ['seccomp=unconfined'] }],
  ])('is none %s', async (_, change, hardening) => {
    const container = { ...testSettings.container, hardening: { ...defaultHardening, ...hardening } };
    const one = await fixture({ settings: { prewarmedNetworks: 2, container } });
    const strict = Object.keys(hardening).length === 0;
    if (strict) await warm(one);
    const spec = specFixture({ network: 'bridge', ...change });
    const { placement } = await one.kernels.registry.create(spec, never);
    expect(placement.prewarmedNetwork).toBeNull();
    expect(networkOf(one, spec.id)).toEqual(spec.network === 'none' ? 'none' : one.kernels.bridge.name);
    expect(prewarmedNetworksOf(one)).toHaveLength(strict ? 2 : 0);
  });

  it('keeps it over a restart, and gets another when it has died', async () => {
    const one = await fixture(ready);
    await warm(one);
    const spec = specFixture({ network: 'bridge' });
    const { placement } = await one.kernels.registry.create(spec, never);
    const first = placement.prewarmedNetwork?.container ?? '';
    expect((await one.kernels.registry.restart(spec.id, never)).placement.prewarmedNetwork?.container).toBe(first);
    one.dummy.container(first).exit(137);
    const again = (await one.kernels.registry.restart(spec.id, never)).placement.prewarmedNetwork?.container;
    expect(again).not.toBe(first);
    expect(prewarmedNetworksOf(one).map(({ id }) => id)).toEqual([again]);
  });

  it('gets a network of its own when the join fails, in the same creation', async () => {
    const one = await fixture(ready);
    await warm(one);
    one.dummy.fail('startContainer', { kind: 'error' });
    const spec = specFixture({ network: 'bridge' });
    const { placement } = await one.kernels.registry.create(spec, never);
    expect(placement.prewarmedNetwork).toBeNull();
    expect(networkOf(one, spec.id)).toBe(one.kernels.bridge.name);
    await one.kernels.registry.destroy(spec.id, force);
    expect(await one.leftovers()).toEqual([]);
  });

  it('is left by a daemon that stops, found by the next, and then handed on to nobody', async () => {
    const first = await KernelsFixture.open(ready);
    await warm(first);
    const spec = specFixture({ network: 'bridge' });
    const { placement } = await first.kernels.registry.create(spec, never);
    await first[Symbol.asyncDispose]();
    expect(prewarmedNetworksOf(first).map(({ id }) => id)).toEqual([placement.prewarmedNetwork?.container]);
    const next = await fixture({ ...ready, folder: first.folder, engine: first.dummy });
    await next.kernels.registry.recover(never);
    await next.kernels.registry.sweep(never);
    expect(next.kernels.prewarmedNetworks.holds(spec.id)).toBe(true);
    await next.kernels.registry.destroy(spec.id, force);
    // It is not known what the kernels of the earlier daemon left in its files.
    await expect.poll(() => prewarmedNetworksOf(next)).toEqual([]);
    await next.kernels[Symbol.asyncDispose]();
    expect(next.dummy.containers).toEqual([]);
  });
});

/** The process ends when the step's call has come to this point. */
function crashingPlan(step: string, call: 'apply' | 'revert', when: 'before' | 'after', crashed: () => void) {
  const stop = (): Promise<never> => {
    crashed();
    return new Promise(() => {});
  };
  const change = (one: CreationStep): CreationStep => {
    if (one.name !== step) return one;
    const wrapped = {
      apply: one.apply.bind(one),
      revert: one.revert.bind(one),
      [call]: async (...args: Parameters<CreationStep['apply']>) => {
        if (args[0].spec.hostname !== 'doomed') return await one[call](...args);
        if (when === 'before') return await stop();
        await one[call](...args);
        return await stop();
      },
    };
    return { ...one, deadlineMs: 2 ** 31 - 1, ...wrapped };
  };
  return (plan: CreationPlan): CreationPlan =>
    plan.map((entry) => ('apply' in entry ? change(entry) : entry.map(change)));
}

describe('a daemon that ends', () => {
  const moments = ['before', 'after'] as const;
  const calls = ['apply', 'revert'] as const;
  const afterAllocation = stepNames.filter((name) => name !== 'allocate');
  it.each(
    calls.flatMap((call) => afterAllocation.flatMap((step) => moments.map((when) => [when, call, step] as const))),
  )('%s %s of %s: the next has as many networks idle, made anew, and leaves none', async (when, call, step) => {
    const { promise: crashed, resolve } = Promise.withResolvers<void>();
    const first = await KernelsFixture.open({
      ...ready,
      parts: { adaptPlan: crashingPlan(step, call, when, resolve) },
    });
    await warm(first);
    const old = prewarmedNetworksOf(first).map(({ id }) => id);
    const spec = specFixture({ network: 'bridge', hostname: 'doomed' });
    const life = first.kernels.registry
      .create(spec, never)
      .then(() => first.kernels.registry.destroy(spec.id, force))
      .then(() => Promise.reject(new Error('it did not crash')));
    await Promise.race([crashed, life]);
    await first.kernels.scratch.settled();
    await first.state[Symbol.asyncDispose]();
    const next = await fixture({ ...ready, folder: first.folder, engine: first.dummy });
    await next.kernels.registry.recover(never);
    await next.kernels.registry.sweep(never);
    expect(await next.leftovers()).toEqual([]);
    expect(next.kernels.prewarmedNetworks.absentReleases).toBe(0);
    await expect.poll(() => prewarmedNetworksOf(next).filter(({ id }) => !old.includes(id)).length).toBe(2);
    await expect.poll(() => prewarmedNetworksOf(next).length).toBe(2);
    const before = prewarmedNetworksOf(next).map(({ id }) => id);
    const specs = [specFixture({ network: 'bridge' }), specFixture({ network: 'bridge' })];
    for (const each of specs) await next.kernels.registry.create(each, never);
    const taken = specs.map(({ id }) => next.kernels.registry.get(id).placement.prewarmedNetwork?.container);
    expect(new Set(taken)).toEqual(new Set(before));
    for (const { id } of specs) await next.kernels.registry.destroy(id, force);
    await next.kernels[Symbol.asyncDispose]();
    expect(next.dummy.containers).toEqual([]);
  });
});
