import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { testSettings } from '../../../../test/support/kernels-fixture.ts';
import { scratchParts } from '../../../../test/support/scratch-parts.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { asContainerId, parseAgentId } from '../../../lib/ids.ts';
import { sameUsers } from '../../../storage/container-users.ts';
import { ScratchFolders } from '../../../storage/scratch.ts';
import { defaultHardening } from '../../container/container-spec.ts';
import { Ownership } from '../../container/ownership.ts';
import { type KernelRecord, noPlacement } from '../../record.ts';
import { configFilesStep, runnerConfig } from './config-files.ts';

const common = {
  ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)),
  runner: testSettings.runner,
  hardening: defaultHardening,
};

it('a runner keeps a log of batches where the user has a folder for it', () => {
  const configOf = (target: string) =>
    runnerConfig(
      recordFixture({ spec: specFixture({ mounts: [{ source: '/data/logs', target, readOnly: false }] }) }),
      common,
    );
  expect(configOf('/home/work/.logs').taskLog).toBe(true);
  expect(configOf('/home/work/logs').taskLog).toBe(false);
});

describe('what a container reads about itself', () => {
  let root: string;
  let scratch: ScratchFolders;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
    scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
  });
  afterEach(async () => {
    await scratch[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  async function apply(record: KernelRecord): Promise<void> {
    using deadline = new Deadline({ what: 'test', timeoutMs: 5_000 });
    const prewarmedNetworks = { networkFilesOf: () => null };
    const step = configFilesStep({ ...common, scratch, prewarmedNetworks, users: async () => sameUsers });
    await step.apply(record, deadline);
  }

  const service = (name: string, port: number) =>
    ({ name, protocol: 'tcp', containerPorts: [port], isInference: false }) as const;
  const services = [service('sshd', 2200), service('ttyd', 7681), service('web', 8080)];
  const hostPorts = services.map(({ containerPorts: [containerPort] }, at) => ({
    containerPort,
    hostPort: 31_000 + at,
  }));

  it('says on the host’s network which ports its own services have, which it could not know otherwise', async () => {
    const network = { name: 'host', aliases: [], hosts: [] };
    const record = recordFixture({
      spec: specFixture({ network, services }),
      placement: { ...noPlacement, hostPorts },
    });
    await scratch.create(record.spec.id, record.spec.user);
    await apply(record);
    const { config, run } = scratch.paths(record.spec.id);
    const read = async (...path: readonly string[]): Promise<unknown> =>
      JSON.parse(await readFile(join(...path), 'utf8'));
    expect(await read(config, 'intrinsic-ports.json')).toEqual({ sshd: 31_000, ttyd: 31_001 });
    expect(await read(run, 'runner.json')).toMatchObject({
      kernelId: record.spec.id,
      services: [
        { name: 'sshd', ports: [31_000] },
        { name: 'ttyd', ports: [31_001] },
        { name: 'web', ports: [31_002] },
      ],
    });
  });

  it('cannot be written where the folder for it is gone, which is said with its place', async () => {
    const record = recordFixture();
    const { root: folder, config } = scratch.paths(record.spec.id);
    await scratch.create(record.spec.id, record.spec.user);
    await rm(config, { recursive: true });
    await expect(apply(record)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: `cannot write the kernel's files in ${folder} (ENOENT)`,
      context: { path: folder },
    });
  });

  it('is not written for a network that is not held for the kernel', async () => {
    const prewarmedNetwork = { container: asContainerId('a'.repeat(64)), receivedBytes: 0, sentBytes: 0 };
    const record = recordFixture({ placement: { ...noPlacement, prewarmedNetwork } });
    await scratch.create(record.spec.id, record.spec.user);
    await expect(apply(record)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: 'the network that the kernel is to join is not held for it',
    });
  });
});
