import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { localFiles } from '../../../test/support/foreign-files.ts';
import { type RunProgram, VolumeMounts } from '../../storage/mounts/volume-mounts.ts';
import { mountRoutes } from './mount-routes.ts';

let folder: string;
let prefix: string;
let ran: { readonly command: string; readonly timeoutMs: number }[];
let keys: { mountPrefix: string; mountTimeoutMs: number | null };
beforeEach(async () => {
  folder = await realpath(await mkdtemp(path.join(tmpdir(), 'kernelet-prefix-')));
  prefix = path.join(folder, 'mnt');
  await mkdir(prefix);
  ran = [];
  keys = { mountPrefix: prefix, mountTimeoutMs: null };
});
afterEach(() => rm(folder, { recursive: true }));

const run: RunProgram = async (program, args, timeoutMs) => {
  ran.push({ command: [program, ...args].join(' '), timeoutMs });
  return { status: 0, stderr: '' };
};
const table = (): string => path.join(folder, 'fstab');
function ask(method: string, way: string, { body, query = '' }: { body?: unknown; query?: string } = {}) {
  const volumes = new VolumeMounts(['nfs'], localFiles, run, table());
  const clock = new FakeClock();
  const routes = mountRoutes({ keys: () => keys, files: localFiles, volumes, table: table(), clock });
  const route = routes.find((one) => one.method === method && one.path === way);
  if (!route) throw new Error(`there is no ${method} ${way}`);
  return route.handle({ query: new URLSearchParams(query), body });
}
/** As a manager sends it. */
const volume = (more: object = {}) => ({
  body: {
    ...{ name: 'v1', fs_location: 'nas:/v1', fs_type: 'nfs', options: null, scaling_group: null },
    ...{ fstab_path: null, edit_fstab: false },
    ...more,
  },
});

it('mounts below the prefix, within what a manager waits, and writes it down when it is told to', async () => {
  expect(await ask('POST', '/mounts', volume())).toEqual({ status: 200, body: '' });
  const command = `mount -t nfs -o nosuid,nodev -- nas:/v1 ${prefix}/v1`;
  expect(ran).toEqual([{ command, timeoutMs: 7_000 }]);
  keys.mountTimeoutMs = 60_000;
  await ask('POST', '/mounts', volume({ options: '' }));
  keys.mountTimeoutMs = 2_000;
  await ask('POST', '/mounts', volume({ options: 'ro', edit_fstab: true, fstab_path: '' }));
  expect(ran.map(({ timeoutMs }) => timeoutMs)).toEqual([7_000, 7_000, 2_000]);
  expect(await readFile(table(), 'utf8')).toBe(`nas:/v1 ${prefix}/v1 nfs ro,nosuid,nodev 0 0\n`);
  expect(await ask('DELETE', '/mounts', { body: { name: 'v1', edit_fstab: 'true' } })).toEqual({
    status: 200,
    body: '',
  });
  expect([await readFile(table(), 'utf8'), await readdir(prefix)]).toEqual(['', []]);
});

it('leaves a folder that has something in it', async () => {
  await mkdir(path.join(prefix, 'v1'));
  await writeFile(path.join(prefix, 'v1', 'file'), '');
  await ask('DELETE', '/mounts', volume());
  expect(await readdir(prefix)).toEqual(['v1']);
});

it('shows the table of file systems without passwords, and no other file', async () => {
  await writeFile(table(), '//nas/a /mnt/a cifs password=hunter22 0 0\n');
  const shown = { status: 200, body: '//nas/a /mnt/a cifs password=[redacted] 0 0\n' };
  expect(await ask('GET', '/fstab')).toEqual(shown);
  expect(await ask('GET', '/fstab', { query: `fstab_path=${table()}&agent_id=i-1` })).toEqual(shown);
  await expect(ask('GET', '/fstab', { query: 'fstab_path=/etc/shadow' })).rejects.toThrow('which alone is shown');
  await expect(ask('POST', '/mounts', volume({ edit_fstab: true, fstab_path: '/etc/passwd' }))).rejects.toThrow(
    'which alone is shown and edited',
  );
  expect(ran).toEqual([]);
  await rm(table());
  await expect(ask('GET', '/fstab')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
});

it('lists what is mounted directly below the prefix, also where a link leads there', async () => {
  expect(await ask('GET', '/mounts')).toEqual({ status: 200, body: [] });
  keys.mountPrefix = path.join(folder, 'none');
  expect(await ask('GET', '/mounts')).toEqual({ status: 200, body: [] });
  const link = path.join(folder, 'link');
  await symlink('/dev', link);
  keys.mountPrefix = link;
  const { body } = await ask('GET', '/mounts');
  expect(body).toContain(path.join(link, 'pts'));
  expect(body).toEqual((body as string[]).toSorted());
});

it.each(['/', '..', 'relative', '/mnt/..', '/tmp/../'])('the prefix %j is none', async (mountPrefix) => {
  keys.mountPrefix = mountPrefix;
  await expect(ask('POST', '/mounts', volume())).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  await expect(ask('DELETE', '/mounts', volume())).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  expect(ran).toEqual([]);
});

it('a prefix that leads to / is none, and one that is missing is named', async () => {
  keys.mountPrefix = path.join(folder, 'root');
  await symlink('/', keys.mountPrefix);
  await expect(ask('POST', '/mounts', volume())).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
  keys.mountPrefix = path.join(folder, 'none');
  await expect(ask('POST', '/mounts', volume())).rejects.toThrow(`there is no folder ${keys.mountPrefix}`);
});

it.each([
  ...['', '.', '..', '../etc', 'a/b', '/etc', '-o', 'a\nb', 'a\0b', 'x'.repeat(256)].map((name) => ({ name })),
  ...[undefined, null, 5, {}, ['v1']].map((name) => ({ name })),
  ...[{ fs_location: undefined }, { fs_location: 7 }, { options: 5 }, { fs_type: null }, { edit_fstab: 'perhaps' }],
])('refuses %j', async (change) => {
  await expect(ask('POST', '/mounts', volume(change))).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  expect([ran, await readdir(prefix)]).toEqual([[], []]);
});

// @promise watcher-bounds
it('whatever it is asked for, it mounts one name below the prefix, as no option, or refuses', async () => {
  const odd = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom(
      '..',
      '../x',
      'a/../..',
      '-t',
      '--bind',
      'bind',
      'rbind',
      'remount',
      '/etc',
      'a b',
      '%2e%2e',
      '"',
      'x="',
      '\\',
    ),
  );
  const maybe = fc.option(odd, { nil: null });
  const body = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({ name: odd, fs_location: odd, fs_type: fc.oneof(fc.constant('nfs'), odd), options: maybe }),
    },
    { weight: 1, arbitrary: fc.jsonValue() },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('POST', 'DELETE'), body, async (method, asked) => {
      ran = [];
      const outcome = await ask(method, '/mounts', { body: asked }).then(
        () => 'done',
        (error: unknown) => (error as { code?: string }).code,
      );
      expect(['done', 'INVALID_ARGUMENT', 'FORBIDDEN_MOUNT']).toContain(outcome);
      expect(await readdir(folder)).toEqual(['mnt']);
      for (const { command } of ran) {
        const [option = '', ...operands] = command.slice(command.indexOf(' -o ') + 4).split(' -- ');
        expect(option).toMatch(/(^|[^\\],)nosuid,nodev$/);
        // What stands in quotation marks is nobody's option.
        expect(option.split('"').length % 2).toBe(1);
        expect(option).not.toMatch(/(^|,)\s*(r?bind|remount)/i);
        expect(operands.join(' -- ')).toContain(` ${prefix}/`);
        expect((await readdir(prefix)).length).toBeLessThanOrEqual(1);
      }
      for (const name of await readdir(prefix)) await rm(path.join(prefix, name), { recursive: true });
    }),
    { numRuns: fuzzRuns(400) },
  );
});
