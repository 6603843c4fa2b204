import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { type RunProgram, VolumeMounts } from './volume-mounts.ts';

let base: string;
let ran: string[];
beforeEach(async () => {
  base = await mkdtemp(path.join(tmpdir(), 'kernelet-volumes-'));
  ran = [];
});
afterEach(() => rm(base, { recursive: true, force: true }));

const run: RunProgram = async (program, args) => {
  ran.push([program, ...args].join(' '));
  return args.includes('nas:/bad') ? { status: 32, stderr: 'mount.nfs: access denied\n' } : { status: 0, stderr: '' };
};
const allowed = ['nfs', 'cifs'];
const table = (): string => path.join(base, 'fstab');
const volumes = (): VolumeMounts => new VolumeMounts(allowed, localFiles, run, table());
const wanted = { folder: 'v1', location: 'nas:/v1', fileSystem: 'nfs', options: 'ro,soft', table: null };

it('mounts below the base, and keeps it in the table when it is told to', async () => {
  await writeFile(table(), '# mine');
  expect(await volumes().mount(base, { ...wanted, table: table() }, 1000)).toBe(path.join(base, 'v1'));
  expect(ran).toEqual([`mount -t nfs -o ro,soft,nosuid,nodev -- nas:/v1 ${base}/v1`]);
  expect((await stat(path.join(base, 'v1'))).isDirectory()).toBe(true);
  expect(await readFile(table(), 'utf8')).toBe(`# mine\nnas:/v1 ${base}/v1 nfs ro,soft,nosuid,nodev 0 0\n`);
  expect(await readFile(`${table()}.bak`, 'utf8')).toBe('# mine');
  await volumes().unmount(base, { folder: 'v1', table: table() }, 1000);
  // It is no mount point, so nothing is run for it.
  expect(ran).toHaveLength(1);
  expect(await readFile(table(), 'utf8')).toBe('# mine\n');
});

it('keeps what is mounted side by side', async () => {
  const folders = Array.from({ length: 20 }, (_, index) => `v${index}`);
  const both = volumes();
  await Promise.all(folders.map((folder) => both.mount(base, { ...wanted, folder, table: table() }, 1000)));
  const lines = (await readFile(table(), 'utf8')).trimEnd().split('\n');
  expect(lines.map((line) => path.basename(line.split(' ')[1] ?? '')).sort()).toEqual(folders.toSorted());
});

it('says what `mount` said', async () => {
  await expect(volumes().mount(base, { ...wanted, location: 'nas:/bad' }, 1000)).rejects.toThrow(
    'mount: mount.nfs: access denied',
  );
});

it('shows nobody the passwords among the options', async () => {
  const echo: RunProgram = async (_, args) => ({ status: 1, stderr: `bad option ${args[3]}` });
  const volume = { ...wanted, options: 'username=u,password=hunter22,ro' };
  const mounting = new VolumeMounts(allowed, localFiles, echo, table()).mount(base, volume, 1000);
  await expect(mounting).rejects.toThrow('mount: bad option username=u,password=[redacted],ro,nosuid,nodev');
  await expect(volumes().mount(base, { ...volume, options: '-password=hunter22' }, 1000)).rejects.not.toThrow(
    'hunter22',
  );
});

it('leaves a table closed to others that was so', async () => {
  await writeFile(table(), '', { mode: 0o600 });
  await volumes().mount(base, { ...wanted, table: table() }, 1000);
  for (const file of [table(), `${table()}.bak`]) expect((await stat(file)).mode & 0o777).toBe(0o600);
});

it('waits for the real `mount` however long it may take', async () => {
  const real = new VolumeMounts(['no-such-thing'], localFiles, undefined, table()).mount(
    base,
    { ...wanted, fileSystem: 'no-such-thing' },
    1e11,
  );
  await expect(real).rejects.toThrow(/^mount: (?!it took longer)/);
});

it.each([
  [{ folder: '../etc' }],
  [{ folder: '/etc' }],
  [{ folder: '' }],
  [{ folder: '-a' }],
  [{ location: '-o bind' }],
  [{ options: '--bind' }],
  [{ options: 'size=1m,"' }],
  [{ options: 'x-a="1\\"' }],
  [{ options: 'ro,x-a=1\\' }],
  [{ fileSystem: '-t' }],
])('refuses %j', async (change) => {
  await expect(volumes().mount(base, { ...wanted, ...change }, 1000)).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  expect(ran).toEqual([]);
});

it.each([
  [{ fileSystem: 'fuse.sh' }],
  [{ fileSystem: 'ext4', location: '/dev/sda1' }],
  [{ location: '/etc', options: 'bind' }],
  [{ location: '/', options: 'ro, rbind' }],
  [{ options: 'remount,rw' }],
  [{ options: 'X-mount.subdir=/etc' }],
])('mounts neither programs nor disks nor folders of this host: %j', async (change) => {
  await expect(volumes().mount(base, { ...wanted, ...change }, 1000)).rejects.toMatchObject({
    code: 'FORBIDDEN_MOUNT',
  });
  expect(ran).toEqual([]);
});

it('what is added to the options counts whatever they are', async () => {
  const mounting = volumes();
  await mounting.mount(base, { ...wanted, options: 'context="a:b,c",username=d\\e' }, 1000);
  expect(ran).toEqual([`mount -t nfs -o context="a:b,c",username=d\\e,nosuid,nodev -- nas:/v1 ${base}/v1`]);
});

it('edits no other table', async () => {
  await expect(volumes().mount(base, { ...wanted, table: '/etc/passwd' }, 1000)).rejects.toThrow('alone is edited');
});

it('really mounts and unmounts, and does nothing twice', async () => {
  const real = new VolumeMounts(['tmpfs'], localFiles);
  const memory = { ...wanted, location: `kernelet-${process.pid}`, fileSystem: 'tmpfs', options: 'size=1m' };
  const place = await real.mount(base, memory, 5000);
  try {
    await writeFile(path.join(place, 'here'), 'x');
    await real.mount(base, memory, 5000);
    expect(await readFile(path.join(place, 'here'), 'utf8')).toBe('x');
  } finally {
    await real.unmount(base, { folder: 'v1', table: null }, 5000);
  }
  await expect(readFile(path.join(place, 'here'))).rejects.toThrow('ENOENT');
  await real.unmount(base, { folder: 'v1', table: null }, 5000);
});
