import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAgentId } from '../lib/ids.ts';
import { parseMountTable } from '../lib/mount-table.ts';
import { openStateFolder } from './state-folder.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'kernelet-state-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('the state folder', () => {
  // @promise closed-files
  it('is made for its owner alone, and keeps its secret and its id', async () => {
    const path = join(root, 'a', 'state');
    const first = await openStateFolder(path);
    const { secret, agentId, tag } = first;
    expect(secret).toHaveLength(32);
    expect(tag).toMatch(/^[0-9a-f]{8}$/);
    for (const folder of [path, first.kernels, first.quarantine, first.scratch, first.volumes]) {
      expect(await mode(folder)).toBe(0o700);
    }
    expect(await mode(join(path, 'secret'))).toBe(0o600);
    await first[Symbol.asyncDispose]();
    await using again = await openStateFolder(path);
    expect(Buffer.from(again.secret)).toEqual(Buffer.from(secret));
    expect([again.agentId, again.tag]).toEqual([agentId, tag]);
  });

  it('is used by one process at a time, and free again when that one lets go', async () => {
    const held = await openStateFolder(root);
    await expect(openStateFolder(root)).rejects.toMatchObject({ code: 'STATE_LOCKED' });
    await held[Symbol.asyncDispose]();
    await using _again = await openStateFolder(root);
  });

  it('is the folder that a symlink leads to', async () => {
    const link = join(root, 'link');
    await mkdir(join(root, 'real'));
    await symlink(join(root, 'real'), link);
    await using state = await openStateFolder(link);
    expect(state.path).toBe(join(root, 'real'));
  });

  it('is not a folder of something else, which it would lock everybody out of', async () => {
    await chmod(root, 0o755);
    await writeFile(join(root, 'precious'), '');
    await expect(openStateFolder(root)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('open to others'),
    });
    expect(await mode(root)).toBe(0o755);
    await chmod(root, 0o700);
    await using _state = await openStateFolder(root);
  });

  it('is made of an empty folder, and taken over from commands without a daemon, whatever their modes', async () => {
    for (const name of ['empty', 'used']) {
      await mkdir(join(root, name), { mode: 0o755 });
      if (name === 'used') await mkdir(join(root, name, 'instances'));
      await using state = await openStateFolder(join(root, name));
      expect(await mode(state.path)).toBe(0o700);
    }
  });

  it.runIf(process.geteuid?.() === 0)('is not a folder that belongs to another user', async () => {
    await chown(root, 1000, 1000);
    await expect(openStateFolder(root)).rejects.toMatchObject({ message: expect.stringContaining('another user') });
  });

  it('is refused on a noexec mount, in one sentence that names the mount', async () => {
    const mounts = parseMountTable(`1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / ${root} rw,noexec - tmpfs x rw\n`);
    await expect(openStateFolder(join(root, 'x'), { mounts })).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringMatching(/^[^\n]*mounted noexec[^\n]*$/),
    });
  });

  it('is refused where it cannot be made', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(openStateFolder(join(root, 'file', 'x'))).rejects.toMatchObject({ code: 'STATE_UNUSABLE' });
  });

  it.each([
    ['secret', 'short'],
    ['agent-id', 'not one\n\n'],
    ['agent-id', ''],
  ])('is refused when its %s is damaged, which stays as it is', async (name, content) => {
    await (await openStateFolder(root))[Symbol.asyncDispose]();
    await writeFile(join(root, name), content);
    await expect(openStateFolder(root)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining(join(root, name)),
    });
    expect(await readFile(join(root, name), 'utf8')).toBe(content);
  });

  it.each(['secret', 'agent-id'])('makes no new %s while kernels are recorded: theirs would be lost', async (name) => {
    const first = await openStateFolder(root);
    await first[Symbol.asyncDispose]();
    await mkdir(join(first.kernels, 'x'));
    await rm(join(root, name));
    await expect(openStateFolder(root)).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('is missing'),
    });
    await rm(join(first.kernels, 'x'), { recursive: true });
    await using _again = await openStateFolder(root);
  });

  it('takes the name that is detected, keeps it, and another only expressly and without kernels', async () => {
    const open = (wanted: string | null, found: string) =>
      openStateFolder(root, {
        agentId: { wanted: wanted === null ? null : parseAgentId(wanted), detect: async () => parseAgentId(found) },
      });
    const named = async (wanted: string | null, found: string): Promise<string> => {
      await using state = await open(wanted, found);
      return state.agentId;
    };
    expect(await named(null, 'i-first')).toBe('i-first');
    expect(await named(null, 'i-second')).toBe('i-first');
    expect(await named('i-third', 'i-second')).toBe('i-third');
    await mkdir(join(root, 'kernels', 'x'));
    await expect(open('i-fourth', 'i-second')).rejects.toMatchObject({
      code: 'STATE_UNUSABLE',
      message: expect.stringContaining('has kernels of i-third'),
    });
    expect(await named(null, 'i-second')).toBe('i-third');
  });
});
