import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { specFixture } from '../../../test/support/kernel-record.ts';
import { usingFixtures } from '../../../test/support/kernels-fixture.ts';
import { userFileMounts, writeUserFiles } from './user-files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-users-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const users = {
  passwd: 'root:x:0:0::/root:/bin/sh\n',
  group: 'caf\xe9:x:0:\n',
  shadow: 'root:*:::::::\n',
  shells: null,
};

describe('the copies of the files that name users', () => {
  it('are the image’s, byte for byte, and root’s to write', async () => {
    const paths = { users: join(folder, 'users') };
    await writeUserFiles(paths, users, null);
    await writeUserFiles(paths, users, { uid: 100_000, gid: 100_001 });
    expect((await readdir(paths.users)).sort()).toEqual(['group', 'passwd', 'shadow']);
    expect(await readFile(join(paths.users, 'group'), 'latin1')).toBe(users.group);
    const modes = ['passwd', 'shadow'].map(async (name) => (await stat(join(paths.users, name))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o644, 0o600]);
    expect(await stat(join(paths.users, 'shadow'))).toMatchObject({ uid: 100_000, gid: 100_001 });
  });

  it('are mounted where the image has no link', () => {
    expect(userFileMounts({ users: '/s/users' }, users)).toEqual([
      { source: '/s/users/passwd', target: '/etc/passwd', readOnly: false },
      { source: '/s/users/group', target: '/etc/group', readOnly: false },
      { source: '/s/users/shadow', target: '/etc/shadow', readOnly: false },
    ]);
  });
});

describe('a kernel whose root file system is read-only', () => {
  const fixture = usingFixtures();
  const within = () => AbortSignal.timeout(10_000);
  const files = { '/etc/passwd': users.passwd, '/etc/group': users.group };

  it('has its image read once, by a container that does not run and has no mounts', async () => {
    const made: (readonly string[])[] = [];
    const one = await fixture({
      dummy: { files, onCreate: async ({ mounts }) => void made.push(mounts.map(({ target }) => target)) },
    });
    const specs = [specFixture({ readOnlyRoot: true }), specFixture({ readOnlyRoot: true })];
    for (const spec of specs) await one.kernels.registry.create(spec, within());
    const own = ['/etc/passwd', '/etc/group', '/etc/shadow', '/etc/shells'];
    expect(made).toEqual([[], expect.arrayContaining(own), expect.arrayContaining(own)]);
    for (const { id } of specs) {
      const { spec } = one.containerOf(id);
      expect(spec).toMatchObject({ readOnlyRoot: true, temporaryFilesystems: { '/tmp': expect.any(String) } });
      expect(await readFile(join(one.kernels.scratch.paths(id).users, 'passwd'), 'utf8')).toBe(users.passwd);
      expect(await readFile(join(one.kernels.scratch.paths(id).users, 'shells'), 'utf8')).toBe('');
    }
    expect(one.dummy.calls.filter(({ method }) => method === 'readFile')).toHaveLength(4);
    for (const { id } of specs) await one.kernels.registry.destroy(id, { reason: 'user-requested', force: true });
    expect(await one.leftovers()).toEqual([]);
  });

  it.each([['/etc'], ['/etc/passwd']])('gets no copy mounted over a link at %s', async (link) => {
    const one = await fixture({ dummy: { links: [link] } });
    const spec = specFixture({ readOnlyRoot: true });
    await one.kernels.registry.create(spec, within());
    const targets = one.containerOf(spec.id).spec.mounts.map(({ target }) => target);
    expect(targets).not.toContain('/etc/passwd');
    expect(targets.includes('/etc/group')).toBe(link !== '/etc');
  });

  it.each([['/var/tmp'], ['/run']])('gets no folder in memory mounted over a link at %s', async (link) => {
    const one = await fixture({ dummy: { links: [link] } });
    // One who is root could write the same, but as little in the place of files that are read-only.
    const specs = [specFixture({ readOnlyRoot: true }), specFixture({ readOnlyRoot: true, user: { uid: 0, gid: 0 } })];
    for (const spec of specs) {
      await one.kernels.registry.create(spec, within());
      const { temporaryFilesystems } = one.containerOf(spec.id).spec;
      expect(Object.keys(temporaryFilesystems)).toEqual(['/tmp', '/var/tmp', '/run'].filter((path) => path !== link));
    }
  });

  it('leaves nothing when the image cannot be read', async () => {
    const one = await fixture();
    one.dummy.fail('readFile', { kind: 'error' });
    const spec = specFixture({ readOnlyRoot: true });
    await expect(one.kernels.registry.create(spec, within())).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(await one.leftovers()).toEqual([]);
  });

  it('needs no copies for root, and one that can be written has none of all this', async () => {
    const one = await fixture();
    const root = specFixture({ readOnlyRoot: true, user: { uid: 0, gid: 0 } });
    const writable = specFixture();
    await one.kernels.registry.create(writable, within());
    expect(one.dummy.calls.filter(({ method }) => method === 'readFile')).toEqual([]);
    expect(one.containerOf(writable.id).spec).toMatchObject({ temporaryFilesystems: {} });
    expect(one.containerOf(writable.id).spec).not.toHaveProperty('readOnlyRoot');
    await one.kernels.registry.create(root, within());
    expect(one.containerOf(root.id).spec.readOnlyRoot).toBe(true);
    expect(one.containerOf(root.id).spec.mounts.map(({ target }) => target)).not.toContain('/etc/passwd');
  });
});
