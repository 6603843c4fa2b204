import { lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { Deadline } from '../../lib/deadline.ts';
import { parseAgentId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { ScratchFolders } from '../../storage/scratch.ts';
import { Ownership } from '../ownership.ts';
import { configFilesStep } from './config-files.ts';

let root: string;
let scratch: ScratchFolders;
const record = recordFixture();

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-config-'));
  scratch = new ScratchFolders(join(root, 'scratch'), silentLogger);
  await scratch.create(record.spec.id, { uid: 0, gid: 0 });
});
afterEach(async () => {
  await scratch[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const step = () =>
  configFilesStep({
    scratch,
    ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)),
    runner: { outputBufferBytes: 1, finishedRunKeepMs: 1, isTerminalLocal: true, debug: false },
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

describe('writing the files of a container', () => {
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
