import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { recordFixture } from '../../../../test/support/kernel-record.ts';
import { namesFixture } from '../../../../test/support/kernels-fixture.ts';
import { scratchParts } from '../../../../test/support/scratch-parts.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { asContainerId, parseAgentId } from '../../../lib/ids.ts';
import type { NetworkFiles } from '../../../network/prewarmed-network.ts';
import { sameUsers } from '../../../storage/container-users.ts';
import { DeletionQueue } from '../../../storage/deletion-queue.ts';
import { ScratchFolders } from '../../../storage/scratch.ts';
import { Ownership } from '../../container/ownership.ts';
import type { KernelRecord } from '../../record.ts';
import { configFilesStep } from './config-files.ts';

let root: string;
let scratch: ScratchFolders;
const record = recordFixture();

beforeEach(async () => {
  held = null;
  imageBootstrap = 'never';
  root = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
  scratch = new ScratchFolders(join(root, 'scratch'), scratchParts());
  await scratch.create(record.spec.id, { uid: 0, gid: 0 });
});
afterEach(async () => {
  await scratch[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

let held: NetworkFiles | null = null;
let imageBootstrap: 'never' | 'root' = 'never';
const step = () =>
  configFilesStep({
    scratch,
    users: async () => sameUsers,
    ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)),
    runner: { outputBufferBytes: 1, finishedRunKeepMs: 1, isTerminalLocal: true, debug: false },
    prewarmedNetworks: { networkFilesOf: () => held },
    hardening: { imageBootstrap },
  });
const soon = () => new Deadline({ what: 'test', timeoutMs: 5_000 });

it('tells the runner of no service where none may be started, so that none of its own runs either', async () => {
  const sshd = { name: 'sshd', protocol: 'tcp', containerPorts: [2200], isInference: false };
  const told = async (servicesBlocked: boolean): Promise<unknown> => {
    const spec = { ...record.spec, services: [sshd], servicesBlocked };
    using deadline = soon();
    await step().apply({ ...record, spec }, deadline);
    return JSON.parse(await readFile(join(scratch.paths(spec.id).run, 'runner.json'), 'utf8')).services;
  };
  expect(await told(false)).toEqual([{ name: 'sshd', protocol: 'tcp', ports: [2200] }]);
  expect(await told(true)).toEqual([]);
});

it('tells the runner whether the script of the image may run', async () => {
  const told = async (): Promise<unknown> => {
    using deadline = soon();
    await step().apply(record, deadline);
    return JSON.parse(await readFile(join(scratch.paths(record.spec.id).run, 'runner.json'), 'utf8')).imageBootstrap;
  };
  expect(await told()).toBe(false);
  imageBootstrap = 'root';
  expect(await told()).toBe(true);
});

describe('copies of the network files', () => {
  const prewarmedNetwork = { container: asContainerId('a'.repeat(64)), receivedBytes: 0, sentBytes: 0 };
  const joining = { ...record, placement: { ...record.placement, prewarmedNetwork } };
  const lay = async (of: KernelRecord): Promise<void> => {
    using deadline = soon();
    await step().apply(of, deadline);
  };

  it('are as the network’s were when it was made, for everybody to read and for nobody to write', async () => {
    const { networkFiles } = scratch.paths(record.spec.id);
    held = namesFixture('127.0.0.1 first\n');
    await lay(joining);
    held = namesFixture('127.0.0.1 second\n');
    const umask = process.umask(0o077);
    await lay(joining).finally(() => process.umask(umask));
    expect((await lstat(networkFiles)).mode & 0o777).toBe(0o755);
    expect(await readFile(join(networkFiles, 'hosts'), 'utf8')).toBe('127.0.0.1 second\n');
    for (const name of ['hosts', 'resolv.conf', 'hostname']) {
      const { mode, uid } = await lstat(join(networkFiles, name));
      expect([mode & 0o777, uid]).toEqual([0o644, process.getuid?.()]);
    }
    await lay(record);
    await expect(lstat(networkFiles)).rejects.toThrow('ENOENT');
  });

  it('are not to be had of a network that the kernel does not hold, or of which nothing is known', async () => {
    held = null;
    await expect(lay(joining)).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('writing the files of a container', () => {
  it('leaves a folder that a tenant has put in the place of the socket to the deletion in the background', async () => {
    const { run } = scratch.paths(record.spec.id);
    const folder = join(run, 'runner.sock');
    await mkdir(join(folder, 'deep'), { recursive: true });
    const events: string[] = [];
    const slow = vi.spyOn(DeletionQueue.prototype, 'empty').mockImplementation(() => void events.push('queued'));
    using deadline = soon();
    await step().revert(record, deadline);
    slow.mockRestore();
    // Nothing of it was deleted by whoever waits for the kernel's end.
    const [taken = ''] = await readdir(join(root, 'scratch', '.trash'));
    expect([events, await readdir(run)]).toEqual([['queued'], []]);
    expect(await readdir(join(root, 'scratch', '.trash', taken))).toEqual(['deep']);
    scratch.tidy();
    await scratch.settled();
    expect(await readdir(join(root, 'scratch', '.trash'))).toEqual([]);
  });

  it('follows no link that a tenant with the uid 0 has left in the runner’s folder', async () => {
    const precious = join(root, 'precious');
    await writeFile(precious, 'x');
    const config = join(scratch.paths(record.spec.id).run, 'runner.json');
    await symlink(precious, config);
    using deadline = soon();
    await step().apply(record, deadline);
    expect(await readFile(precious, 'utf8')).toBe('x');
    expect((await lstat(config)).isFile()).toBe(true);
    expect((await lstat(config)).mode & 0o777).toBe(0o600);
  });

  it('takes a folder in the way of a file away, in both directions', async () => {
    const config = join(scratch.paths(record.spec.id).run, 'runner.json');
    using deadline = soon();
    await mkdir(join(config, 'x'), { recursive: true });
    await step().apply(record, deadline);
    await rm(config);
    await mkdir(join(config, 'x'), { recursive: true });
    await step().revert(record, deadline);
    await expect(lstat(config)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
