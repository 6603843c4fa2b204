/** The matrix of reverts on a real engine, with a real network, real folders and real containers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import type { CreationPlan } from '../../src/kernel/creation/step.ts';
import type { KernelSpec } from '../../src/kernel/spec.ts';
import { machinePacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { connectTestEngine, kernelImage, within } from '../support/engine.ts';
import { specFixture } from '../support/kernel-record.ts';
import { type FixtureOptions, KernelsFixture, testSettings } from '../support/kernels-fixture.ts';
import { failureModes, revertAll, sabotage, stepNames } from '../support/revert-matrix.ts';

let engine: DockerEngine;
let volume: string;
let image: KernelSpec['image'];

beforeAll(async () => {
  engine = await connectTestEngine();
  volume = await mkdtemp(join(tmpdir(), 'kernelet-volume-'));
  image = await kernelImage(engine);
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await rm(volume, { recursive: true, force: true });
});

const spec = (change: Partial<KernelSpec> = {}): KernelSpec =>
  specFixture({
    image,
    network: 'bridge',
    publish: [8080],
    ...change,
  });

function open(options: FixtureOptions = {}): Promise<KernelsFixture> {
  const container = {
    ...testSettings.container,
    volume: { hostPath: async () => volume, entrypoint: ['/bin/sleep', '600'] },
    init: true,
  };
  const parts = { packetFilter: machinePacketFilter, ...options.parts };
  return KernelsFixture.open({ ...options, engine, settings: { container, ...options.settings }, parts });
}

async function close(one: KernelsFixture): Promise<void> {
  const network = one.kernels.bridge.name;
  await one[Symbol.asyncDispose]();
  await one.remove();
  expect(await engine.inspectNetwork(network, within(10_000))).toBeNull();
}

describe('the matrix of reverts, on a real engine', () => {
  // @promise creation-undone
  it.each(stepNames.flatMap((step) => failureModes.map((mode) => [step, mode] as const)))(
    'leaves nothing when %s fails (%s)',
    async (step, mode) => {
      let plan: CreationPlan = [];
      const adaptPlan = sabotage(step, mode, (seen) => {
        plan = seen;
      });
      const one = await open({ parts: { adaptPlan } });
      try {
        const wanted = spec();
        await expect(one.kernels.registry.create(wanted, within(60_000))).rejects.toThrow(
          /planted failure|took longer/,
        );
        expect(await one.leftovers()).toEqual([]);
        const last = one.kernels.registry.get(wanted.id);
        expect(await revertAll(plan, last)).toEqual([]);
        expect(await revertAll(plan, { ...last, spec: spec(), containerId: null })).toEqual([]);
        expect(await one.leftovers()).toEqual([]);
      } finally {
        await close(one);
      }
    },
  );
});

describe('a life on a real engine', () => {
  it('creates, restarts, and destroys, and what it publishes is on the loopback address', async () => {
    const one = await open();
    try {
      const wanted = spec();
      const { placement, containerId } = await one.kernels.registry.create(wanted, within(60_000));
      const detail = await engine.inspectContainer(containerId ?? '', within(10_000));
      expect(detail?.ports).toEqual([
        { containerPort: 8080, hostAddress: '127.0.0.1', hostPort: placement.hostPorts[0]?.hostPort },
      ]);
      const restarted = await one.kernels.registry.restart(wanted.id, within(60_000));
      expect(restarted).toMatchObject({ generation: 2, placement });
      await one.kernels.registry.destroy(wanted.id, { reason: 'user-requested', force: false });
      expect(await one.leftovers()).toEqual([]);
    } finally {
      await close(one);
    }
  });

  // @promise true-cause
  it.each([
    ['killed', 'self-terminated'],
    ['removed', 'container-not-found'],
  ] as const)('tells with one event that its container was %s from outside', async (how, reason) => {
    const one = await open();
    const abort = new AbortController();
    const watch = one.kernels.registry.watch(abort.signal);
    try {
      const wanted = spec();
      const record = await one.kernels.registry.create(wanted, within(60_000));
      const ended = new Promise((resolve) => one.kernels.registry.register({ ended: resolve }));
      if (record.containerId === null) throw new Error('it has no container');
      if (how === 'killed') await engine.killContainer(record.containerId, 'SIGKILL', within(10_000));
      else await engine.removeContainer(record.containerId, within(10_000));
      await ended;
      const terminal = one.events.filter((event) => event.type === 'kernel-terminated');
      expect(terminal).toMatchObject([{ reason, kernelId: wanted.id }]);
      expect(await one.leftovers()).toEqual([]);
    } finally {
      abort.abort();
      await watch;
      await close(one);
    }
  });

  // @promise limits-told
  it('tells that its container was killed at the memory limit', async () => {
    const container = {
      ...testSettings.container,
      volume: {
        hostPath: async () => volume,
        entrypoint: ['/bin/sh', '-c', "sleep 1; exec perl -e '$x = q(a) x 2**28; sleep 9'"],
      },
      init: false,
    };
    const one = await open({ settings: { container } });
    const abort = new AbortController();
    const watch = one.kernels.registry.watch(abort.signal);
    try {
      const limits = { ...spec().limits, memoryBytes: 32 * 2 ** 20 };
      const ended = new Promise((resolve) => one.kernels.registry.register({ ended: resolve }));
      await one.kernels.registry.create(spec({ limits, network: 'none', publish: [] }), within(60_000));
      expect(await ended).toMatchObject({ termination: { reason: 'out-of-memory', exitCode: 137 } });
    } finally {
      abort.abort();
      await watch;
      await close(one);
    }
  });
});
