/** What is done with files of a kernel beside carrying them, while its tenant puts things in the way. */
import { once } from 'node:events';
import { chown, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packFolder } from '../../src/lib/tar.ts';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { apiRefusalOf } from '../support/refusal.ts';

let node: NodeUnderTest;
let python: string;
/** Folders below it may be mounted. */
let mountable: string;
beforeAll(async () => {
  mountable = await mkdtemp(path.join(tmpdir(), 'kernelet-file-work-'));
  node = await NodeUnderTest.started({ configuration: `[kernelet]\nmount-allow = ["${mountable}"]\n` });
  python = await node.create('--lang', 'python');
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await rm(mountable, { recursive: true, force: true });
});

const exec = async (code: string): Promise<string> => {
  const { status, text, stderr } = await node.run(['exec', python, '-c', code]);
  expect([status, stderr]).toEqual([0, '']);
  return text.trim();
};
const api = (method: string, suffix: string, body?: object) =>
  callApi(node.socket, method, `/v1/kernels/${python}/files${suffix}`, body ? { body } : {});
const files = (...args: readonly string[]) =>
  node.run(['files', ...args.map((word) => word.replace(/^:/, `${python}:`))]);
const at = (place: string): string => `path=${encodeURIComponent(place)}`;
const refusal = async (method: string, suffix: string, body?: object) => apiRefusalOf(await api(method, suffix, body));

describe('files of a kernel', () => {
  it('are looked at, made, moved and removed', async () => {
    expect((await files('mkdir', ':a/b/c', ':a/d')).status).toBe(0);
    await exec('open("a/f", "w").write("text"); import os; os.chmod("a/f", 0o640); os.symlink("f", "a/l")');
    expect((await api('GET', `/stat?${at('a/f')}`)).document).toMatchObject({
      path: '/home/work/a/f',
      file: { filename: 'f', type: 'file', size: 4, permissions: '640', uid: expect.any(Number), target: null },
    });
    expect((await api('GET', `/stat?${at('a/l')}`)).document).toMatchObject({ file: { type: 'link', target: 'f' } });
    expect((await api('GET', `/stat?${at('a/l')}&follow=true`)).document).toMatchObject({
      file: { type: 'file', size: 4 },
    });
    expect((await api('GET', `/stat?${at('.')}`)).document).toMatchObject({
      path: '/home/work',
      file: { type: 'folder' },
    });
    const listed = JSON.parse((await files('ls', ':a', '--json')).text) as {
      files: { filename: string; type: string }[];
    };
    expect(listed.files.map(({ filename, type }) => `${filename} ${type}`)).toEqual([
      'b folder',
      'd folder',
      'f file',
      'l link',
    ]);
    expect((await api('POST', '/folder', { path: 'a/b' })).document).toEqual({ created: false });
    expect((await files('mv', ':a/f', ':a/b')).status).toBe(0);
    expect((await files('mv', ':a/b', ':moved')).status).toBe(0);
    expect((await files('stat', ':moved/f')).text).toMatch(/^path: +\/home\/work\/moved\/f\ntype: +file\n/);
    expect((await api('DELETE', `?${at('moved')}&recursive=true`)).document).toEqual({ removed: 3 });
    expect((await files('rm', ':a/l')).text).toBe(`${python}:a/l\n`);
    expect(await exec('import os; sorted(os.listdir("a"))')).toBe("['d']");
  });

  it('stay where what is asked would surprise', async () => {
    await exec(
      'import os; os.makedirs("s/full"); open("s/full/x", "w"); open("s/f", "w"); open("s/g", "w").write("g"); os.mkdir("s/to")',
    );
    expect(await refusal('DELETE', `?${at('s/full')}`)).toMatch(
      /^FILE_ERROR: .*"s\/full" is a folder that is not empty/,
    );
    expect(await refusal('DELETE', `?${at('s/absent')}`)).toMatch(/^FILE_NOT_FOUND/);
    expect(await refusal('DELETE', `?${at('.')}&recursive=true`)).toMatch(/^FORBIDDEN_PATH: .*itself stays/);
    expect(await refusal('POST', '/move', { from: 's/f', to: 's/g' })).toMatch(/^FILE_EXISTS/);
    expect(await refusal('POST', '/move', { from: 's/f', to: 's/full', replace: true })).toMatch(/^FILE_EXISTS/);
    expect(await refusal('POST', '/move', { from: 's/full', to: 's/g', replace: true })).toMatch(/^FILE_EXISTS/);
    expect(await refusal('POST', '/move', { from: 's/full', to: 's/full/in' })).toMatch(
      /^INVALID_ARGUMENT: .*into itself/,
    );
    expect(await refusal('POST', '/move', { from: 's/absent', to: 's/h' })).toMatch(/^FILE_NOT_FOUND: .*absent/);
    expect(await refusal('POST', '/move', { from: 's/f', to: 's/no/h' })).toMatch(/^FILE_NOT_FOUND: .*no\/h/);
    expect(await refusal('POST', '/folder', { path: 's/f' })).toMatch(/^FILE_EXISTS/);
    expect(await refusal('POST', '/folder', { path: 's/f/in' })).toMatch(/^FILE_/);
    expect((await api('POST', '/move', { from: 's/f', to: 's/g', replace: true })).status).toBe(200);
    expect(await exec('import os; (sorted(os.listdir("s")), os.path.getsize("s/g"))')).toBe("(['full', 'g', 'to'], 0)");
  });

  it('outside of the home are out of reach, by links too, and a link is never what it leads to', async () => {
    await exec(`
import os
os.makedirs("/tmp/out/kept", exist_ok=True); open("/tmp/out/kept/file", "w")
os.makedirs("way/deep"); os.symlink("/tmp/out", "way/out"); os.symlink("/tmp/out", "way/deep/out"); os.symlink("/etc", "etc")
`);
    for (const outside of ['/etc/passwd', '../x', 'etc/passwd', 'way/out/kept', 'way/out/new']) {
      expect([outside, await refusal('GET', `/stat?${at(outside)}`)]).toEqual([
        outside,
        expect.stringMatching(/^FORBIDDEN_PATH/),
      ]);
      expect([outside, await refusal('DELETE', `?${at(outside)}&recursive=true`)]).toEqual([
        outside,
        expect.stringMatching(/^FORBIDDEN_PATH/),
      ]);
      expect([outside, await refusal('POST', '/folder', { path: outside })]).toEqual([
        outside,
        expect.stringMatching(/^FORBIDDEN_PATH/),
      ]);
      expect([outside, await refusal('POST', '/move', { from: 'way/deep', to: outside })]).toEqual([
        outside,
        expect.stringMatching(/^FORBIDDEN_PATH/),
      ]);
    }
    expect(await refusal('GET', `/stat?${at('etc')}&follow=true`)).toMatch(/^FORBIDDEN_PATH/);
    expect(await refusal('GET', `/watch?${at('etc')}`)).toMatch(/^FORBIDDEN_PATH/);
    expect((await api('DELETE', `?${at('way')}&recursive=true`)).document).toEqual({ removed: 4 });
    expect(await exec('import os; os.listdir("/tmp/out/kept")')).toBe("['file']");
  });

  it('whose tenant swaps a folder for a link meanwhile are removed nowhere else, and pipes hold up nobody', async () => {
    await exec(`
import os, threading
os.makedirs("/tmp/precious", exist_ok=True)
for i in range(200): open(f"/tmp/precious/{i}", "w")
os.makedirs("race/a"); os.mkfifo("race/pipe"); swapping = True
def swap():
    while swapping:
        try:
            os.symlink("/tmp/precious", "race/link"); os.mkdir("race/dir")
            for i in range(20): open(f"race/dir/{i}", "w").close()
            os.rename("race/dir", "race/a2"); os.rename("race/link", "race/dir"); os.rename("race/dir", "race/b")
        except OSError: pass
thread = threading.Thread(target=swap, daemon=True); thread.start()
`);
    for (let round = 0; round < 5; round += 1) await api('DELETE', `?${at('race')}&recursive=true`);
    await exec('swapping = False; thread.join()');
    expect(await exec('import os; len(os.listdir("/tmp/precious"))')).toBe('200');
    await exec('import os; os.makedirs("q", exist_ok=True); os.mkfifo("q/pipe")');
    expect((await api('GET', `/stat?${at('q/pipe')}`)).document).toMatchObject({ file: { type: 'pipe' } });
    expect((await api('DELETE', `?${at('q/pipe')}`)).document).toEqual({ removed: 1 });
  });

  it('of any name are told so that they move no cursor', async () => {
    await exec(
      'import os; os.makedirs("n"); open("n/two\\nlines\\x1b[2J", "w"); open(b"n/\\xff", "w"); os.symlink(b"\\x1b[2J", "n/l")',
    );
    const { text } = await files('ls', ':n');
    expect(text).toContain('two\\nlines\\x1b[2J');
    expect(text).toContain('l -> \\x1b[2J');
    expect(text).not.toContain('\u001b');
    expect((await api('DELETE', `?${at('n/two\nlines\u001b[2J')}`)).document).toEqual({ removed: 1 });
    expect((await api('DELETE', `?${at('n')}&recursive=true`)).document).toEqual({ removed: 3 });
  });
});

it('a volume below the home keeps what it holds, though it is of the same file system, and all else stays whole', async () => {
  const volume = path.join(mountable, 'volume');
  await mkdir(path.join(volume, 'deep'), { recursive: true });
  await writeFile(path.join(volume, 'deep', 'precious'), 'kept');
  for (const owned of [volume, path.join(volume, 'deep'), path.join(volume, 'deep', 'precious')])
    await chown(owned, 1000, 1000);
  const id = await node.create('--lang', 'python', '--mount', `${volume}:/home/work/shared/mounted`);
  const isSame = 'import os; os.stat(".").st_dev == os.stat("shared/mounted").st_dev';
  expect((await node.run(['exec', id, '-c', isSame])).text.trim()).toBe('True');
  for (const removed of ['shared', 'shared/mounted']) {
    const { status, stderr } = await node.run(['files', 'rm', '-r', `${id}:${removed}`]);
    expect([status, stderr]).toEqual([125, expect.stringContaining('"shared/mounted" is a volume, which stays')]);
  }
  const body = Buffer.concat([tarHeader('first'), tarHeader('shared/mounted/new'), Buffer.alloc(1024)]);
  const unpacked = await callApi(node.socket, 'PUT', `/v1/kernels/${id}/files/archive`, { body });
  expect(apiRefusalOf(unpacked)).toMatch(/^FILE_ERROR: .*shared\/mounted" is a volume: unpack into it by itself/);
  expect((await node.run(['files', 'stat', `${id}:first`])).stderr).toContain('does not exist');
  expect([await readdir(volume), await readdir(path.join(volume, 'deep'))]).toEqual([['deep'], ['precious']]);
  expect((await node.run(['files', 'rm', '-r', `${id}:shared/mounted/deep`])).status).toBe(0);
  expect(await readdir(volume)).toEqual([]);
  expect((await node.run(['rm', '-f', id])).status).toBe(0);
});

describe('an archive', () => {
  const put = (place: string, body: AsyncIterable<Uint8Array> | Uint8Array, headers = {}) =>
    callApi(node.socket, 'PUT', `/v1/kernels/${python}/files/archive?${at(place)}`, { body, headers });

  it('becomes a folder with its modes, beside what is there, and comes out the same', async () => {
    const local = path.join(node.folder, 'tree');
    await mkdir(path.join(local, 'bin'), { recursive: true });
    await mkdir(path.join(local, 'empty'));
    await writeFile(path.join(local, 'bin', 'run'), '#!/bin/sh\necho ran\n', { mode: 0o755 });
    await writeFile(path.join(local, 'secret'), 'x', { mode: 0o600 });
    await symlink('bin/run', path.join(local, 'link'));
    await symlink('/etc/passwd', path.join(local, 'out'));
    await exec(
      'import os; os.makedirs("tree/bin"); open("tree/bin/old", "w"); open("tree/secret", "w").write("before")',
    );
    const { status, document } = await put('tree', packFolder(local));
    expect([status, document]).toMatchObject([200, { files: 2, skippedCount: 1, skipped: [{ name: 'out' }] }]);
    const tree =
      'import os, stat; sorted((os.path.relpath(os.path.join(d, n), "tree"), oct(os.lstat(os.path.join(d, n)).st_mode & 0o777)[2:]) for d, ds, ns in os.walk("tree") for n in ds + ns if not os.path.islink(os.path.join(d, n)))';
    expect(await exec(tree)).toBe(
      "[('bin', '755'), ('bin/old', '644'), ('bin/run', '755'), ('empty', '755'), ('secret', '600')]",
    );
    expect((await node.run(['exec', python, '--', 'tree/link'])).text).toBe('ran\n');
    const back = await callApi(node.socket, 'GET', `/v1/kernels/${python}/files/content?${at('tree')}`);
    expect([back.status, back.text]).toEqual([200, expect.stringContaining('tree/bin/run')]);
  });

  it('that is cut off, is none, or leads out leaves nothing', async () => {
    const before = await exec('import os; sorted(os.listdir("."))');
    expect(apiRefusalOf(await put('cut', Buffer.alloc(700, 'x')))).toMatch(/^FILE_ERROR/);
    const out = Buffer.concat([tarHeader('../../../tmp/escaped'), Buffer.alloc(1024)]);
    expect(apiRefusalOf(await put('cut', out))).toMatch(/^FORBIDDEN_PATH/);
    const cut = put(
      'cut',
      (async function* () {
        yield tarHeader('half', 100_000);
        throw new Error('cut off');
      })(),
    );
    await expect(cut).rejects.toThrow();
    await expect.poll(() => exec('import os; sorted(os.listdir("."))'), { timeout: 10_000 }).toBe(before);
    expect(await exec('import os; os.path.exists("/tmp/escaped")')).toBe('False');
  });
});

describe('a folder that is watched', () => {
  it('tells what happens in it and below, once, and its own end', async () => {
    await exec('import os; os.makedirs("w/sub"); open("w/old", "w").write("1")');
    const { child, outcome } = node.start(['files', 'watch', '-r', `${python}:w`, '--json']);
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    await once(child.stdout ?? child, 'data');
    const told = () =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { type: string; path: string });
    await exec('import os; open("w/new", "w").write("x"); open("w/sub/deep", "w").write("y")');
    await expect
      .poll(() => told().map(({ type, path: where }) => `${type} ${where}`), { timeout: 10_000 })
      .toEqual(['watching /home/work/w', 'created new', 'created sub/deep']);
    await exec('import os; os.chmod("w/old", 0o600)');
    await expect.poll(() => told().length, { timeout: 10_000 }).toBe(4);
    await exec('import os; open("w/sub/deep", "a").write("more")');
    await expect.poll(() => told().length, { timeout: 10_000 }).toBe(5);
    await exec('import os; os.rename("w/new", "w/newer"); os.mkfifo("w/pipe")');
    await expect.poll(() => told().length, { timeout: 10_000 }).toBe(8);
    await exec('import shutil; shutil.rmtree("w")');
    expect((await outcome).status).toBe(0);
    expect(told().slice(3, 8)).toEqual([
      { type: 'attributes', path: 'old', file: 'file' },
      { type: 'written', path: 'sub/deep', file: 'file' },
      { type: 'removed', path: 'new', file: 'file' },
      { type: 'created', path: 'newer', file: 'file' },
      { type: 'created', path: 'pipe', file: 'pipe' },
    ]);
    expect(told().at(-1)).toEqual({ type: 'removed', path: '.', file: 'folder' });
  });

  it('costs a process, of which there are no more than four', async () => {
    await exec('import os; os.makedirs("many"); os.makedirs("few")');
    const started = Array.from({ length: 4 }, () => node.start(['files', 'watch', `${python}:many`]));
    const texts = started.map(({ child }) => {
      const pieces: string[] = [];
      child.stdout?.on('data', (chunk: Buffer) => pieces.push(chunk.toString()));
      return () => pieces.join('');
    });
    await expect
      .poll(() => texts.map((text) => text().length > 0), { timeout: 20_000 })
      .toEqual([true, true, true, true]);
    expect(await refusal('GET', `/watch?${at('few')}`)).toMatch(/^OVERLOADED: .*4 folders/);
    for (const { child } of started) child.kill('SIGINT');
    await Promise.all(started.map(({ outcome }) => outcome));
    const again = node.start(['files', 'watch', `${python}:few`]);
    await once(again.child.stdout ?? again.child, 'data');
    again.child.kill('SIGINT');
    await again.outcome;
  });
});

/** The header of a file's entry. */
function tarHeader(name: string, size = 0): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0ustar\u000000', 156);
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  );
  return header;
}
