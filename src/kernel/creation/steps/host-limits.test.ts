import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { shellSpec } from '../../../../test/support/engine.ts';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { testImage } from '../../../../test/support/kernels-fixture.ts';
import { scratchParts } from '../../../../test/support/scratch-parts.ts';
import { DummyEngine } from '../../../engine/dummy/dummy-engine.ts';
import { withDeadline } from '../../../lib/deadline.ts';
import { KerneletError } from '../../../lib/errors.ts';
import type { ContainerId } from '../../../lib/ids.ts';
import { ScratchFolders } from '../../../storage/scratch.ts';
import { hostLimitsStep } from './host-limits.ts';

const limits = { ...specFixture().limits, bitsPerSecond: 10e6 };

/** Applies the step to a container; the programs that limit its network fail, right after `meanwhile`. */
async function applied(meanwhile: (engine: DummyEngine, id: ContainerId) => unknown): Promise<unknown> {
  const engine = new DummyEngine({ images: [testImage] });
  const id = await engine.createContainer(shellSpec(''), AbortSignal.timeout(1_000));
  await engine.startContainer(id, AbortSignal.timeout(1_000));
  const bandwidth = {
    limit: async () => {
      await meanwhile(engine, id);
      throw new KerneletError('NOT_SUPPORTED', 'nsenter: no such process');
    },
    remove: async () => {},
  };
  const scratch = {} as ScratchFolders;
  const step = hostLimitsStep({ engine, scratch, bandwidth, processRoot: '/proc' });
  const record = recordFixture({ spec: specFixture({ limits }), containerId: id });
  return await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => step.apply(record, deadline));
}

describe('a bandwidth that cannot be limited', () => {
  it('fails the creation of a kernel whose container runs', async () => {
    await expect(applied(() => {})).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it.each([
    ['ended', (engine: DummyEngine, id: ContainerId) => engine.container(id).exit(3)],
    ['been removed', (engine: DummyEngine, id: ContainerId) => engine.removeContainer(id, AbortSignal.timeout(1_000))],
  ])('says nothing when the container has %s meanwhile: why is for the wait for its runner to say', async (_, end) => {
    expect(await applied(end)).toEqual({});
  });
});

describe('a limited home', () => {
  const [mountProgram, unmountProgram] = ['mount', 'umount'];
  const isRoot = process.geteuid?.() === 0;
  const mounted: string[] = [];
  const mount = async (home: string) => {
    expect(spawnSync(mountProgram, ['-t', 'tmpfs', '-o', 'size=1m', 'none', home]).status).toBe(0);
    mounted.push(home);
  };
  let root: string;
  let scratch: ScratchFolders;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kernelet-limits-'));
    scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
  });
  afterEach(async () => {
    for (const home of mounted.splice(0)) spawnSync(unmountProgram, ['--lazy', home]);
    await scratch[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  /** Applies the step to a container that sees these mounts; none: it has ended just now. */
  async function seen(mounts: string | null, { isStarted = true, prepare = async (_home: string) => {} } = {}) {
    const spec = specFixture({ limits: { ...specFixture().limits, homeBytes: 2 ** 20 } });
    await scratch.create(spec.id, spec.user);
    await prepare(scratch.paths(spec.id).work);
    const engine = new DummyEngine({ images: [testImage] });
    const id = await engine.createContainer(shellSpec(''), AbortSignal.timeout(1_000));
    if (isStarted) await engine.startContainer(id, AbortSignal.timeout(1_000));
    const processRoot = await mkdtemp(join(root, 'proc-'));
    const folder = join(processRoot, String(engine.container(id).pid));
    await mkdir(folder);
    const seen = mounts === 'own' ? await readFile('/proc/self/mountinfo', 'utf8') : mounts;
    if (seen !== null) await writeFile(join(folder, 'mountinfo'), seen);
    const bandwidth = { limit: () => Promise.reject(new Error('no limit is asked for')), remove: async () => {} };
    const step = hostLimitsStep({ engine, scratch, bandwidth, processRoot });
    return await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) =>
      step.apply(recordFixture({ spec, containerId: id }), deadline),
    );
  }

  it.runIf(isRoot)('holds where the container sees what is mounted there, and nowhere else', async () => {
    expect(await seen('own', { prepare: mount })).toEqual({});
    const others = '36 35 98:0 / / rw - ext4 /dev/root rw\n';
    await expect(seen(others, { prepare: mount })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' });
  });

  it('does not hold where the container has the folder below the mount', async () => {
    await expect(seen('own')).rejects.toThrow('the engine does not see what the agent mounts');
  });

  it('is not looked at in a container that has not started, or has ended just now', async () => {
    expect(await seen('own', { isStarted: false })).toEqual({});
    expect(await seen(null)).toEqual({});
  });
});

describe('the bandwidth of a kernel that ends', () => {
  async function reverted(change: Parameters<typeof recordFixture>[0], remove: () => Promise<void>) {
    const parts = { engine: new DummyEngine({ images: [] }), scratch: {} as ScratchFolders, processRoot: '/proc' };
    const step = hostLimitsStep({ ...parts, bandwidth: { limit: async () => {}, remove } });
    await withDeadline({ what: 'test', timeoutMs: 5_000 }, (deadline) => step.revert(recordFixture(change), deadline));
  }
  const failing = () => Promise.reject(new KerneletError('NOT_SUPPORTED', 'there is no program tc'));

  it('is given back, and it is an error when it cannot be', async () => {
    await expect(reverted({ spec: specFixture({ limits }) }, failing)).rejects.toThrow('there is no program tc');
  });

  it('is nobody’s concern where it was not limited, and is tried where that is not known', async () => {
    let tries = 0;
    const count = async () => {
      tries += 1;
      await failing();
    };
    await reverted({}, count);
    expect(tries).toBe(0);
    await reverted({ unrecordedSince: 5 }, count);
    expect(tries).toBe(1);
  });
});
