/** Files with odd names, at forbidden places or too large: refused whole, or carried over unchanged. */
import { mkdir, open, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { apiRefusalOf, refused } from '../support/refusal.ts';

let node: NodeUnderTest;
let python: string;
let folder: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  python = await node.create('--lang', 'python');
  folder = path.join(node.folder, 'files');
  await mkdir(folder);
  await writeFile(path.join(folder, 'small'), 'content');
});
afterAll(() => node?.[Symbol.asyncDispose]());

const small = (): string => path.join(folder, 'small');
const exec = async (code: string): Promise<string> => (await node.run(['exec', python, '-c', code])).text;
const files = (query: string, suffix = ''): string => `/v1/kernels/${python}/files${suffix}?${query}`;
const put = (at: string, body: Buffer | AsyncIterable<Uint8Array>, headers = {}) =>
  callApi(node.socket, 'PUT', files(`path=${encodeURIComponent(at)}`), { body, headers });

/** Everything in the kernel's home, and what an upload that is cut off could have left there. */
const homeNames = async (): Promise<string> =>
  await exec('import os; sorted(os.path.join(d, n) for d, _, ns in os.walk("/home/work") for n in ns)');

/** The most memory that the daemon has used so far, in bytes. */
async function daemonPeak(): Promise<number> {
  const status = await readFile(`/proc/${node.pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

describe('a path outside of the home', () => {
  it('is refused for uploads, downloads and listings, whatever it is made of, and nothing is written', async () => {
    await exec(
      'import os; os.symlink("/tmp", "out"); os.symlink("/etc/passwd", "passwd"); os.symlink("/nowhere/x", "dangling"); os.makedirs("in"); os.symlink("../../..", "in/up"); os.symlink("loop", "loop")',
    );
    const before = await homeNames();
    const outside = ['../x', '/etc/x', '/home/work/../x', '/home/workx', 'a/../../x', 'out/x', 'in/up/x', '/'];
    for (const target of outside) {
      const refusal = await refused(node, ['upload', python, small(), target]);
      expect([target, refusal]).toEqual([target, expect.objectContaining({ code: 'FORBIDDEN_PATH', status: 125 })]);
      expect(refusal.message).toMatch(/\/home\/work/);
      expect(apiRefusalOf(await put(target, Buffer.from('x')))).toMatch(/^FORBIDDEN_PATH/);
    }
    for (const source of ['/etc/passwd', '../../etc/passwd', 'passwd', 'out/../passwd', 'in/up/etc/passwd', '/']) {
      const local = path.join(folder, 'got');
      const refusal = await refused(node, ['download', python, source, local]);
      expect([source, refusal.code]).toEqual([source, 'FORBIDDEN_PATH']);
      expect(await readdir(folder)).toEqual(['small']);
    }
    for (const listed of ['/etc', '..', 'out', 'in/up', '/home/work/../..']) {
      expect([listed, (await refused(node, ['ls', python, listed])).code]).toEqual([listed, 'FORBIDDEN_PATH']);
    }
    for (const target of ['passwd', 'loop']) {
      // A link that leads out is neither followed nor written through.
      expect([target, (await refused(node, ['upload', python, small(), target])).status]).toEqual([target, 125]);
    }
    for (const target of ['../x/', '/etc/x/', 'out/', 'out/x/', 'in/up/x/', 'dangling/', 'loop/']) {
      expect([target, (await put(target, Buffer.alloc(0))).status]).toEqual([
        target,
        expect.toSatisfy((s) => s >= 400),
      ]);
    }
    expect(await homeNames()).toBe(before);
    // One that leads nowhere gives way to the file.
    expect((await node.run(['upload', python, small(), 'dangling'])).status).toBe(0);
    expect(await exec('import os; os.path.islink("dangling"), os.path.exists("/nowhere")')).toBe('(False, False)\n');
    expect(await exec('import os; os.path.exists("/tmp/x"), os.path.exists("/home/x")')).toBe('(False, False)\n');
  });

  it('is refused by the API with its form, and so are paths that are none', async () => {
    const get = (query: string) => callApi(node.socket, 'GET', files(query, '/content'));
    expect(apiRefusalOf(await get('path=%2fetc%2fpasswd'))).toMatch(/^FORBIDDEN_PATH/);
    expect(apiRefusalOf(await get('path=a%00b'))).toMatch(/^INVALID_ARGUMENT: query\.path/);
    expect(apiRefusalOf(await get('path='))).toMatch(/^INVALID_ARGUMENT: query\.path/);
    expect(apiRefusalOf(await get('path=absent'))).toMatch(/^FILE_NOT_FOUND: .*absent/);
    expect(apiRefusalOf(await get(`path=${'x/'.repeat(3_000)}`))).toMatch(/^INVALID_ARGUMENT: query\.path/);
    expect(apiRefusalOf(await get(''))).toMatch(/^INVALID_ARGUMENT: query\.path/);
    expect(apiRefusalOf(await put(`${'n'.repeat(256)}`, Buffer.from('x')))).toMatch(/^FILE_ERROR: .*ENAMETOOLONG/);
    const odd = await callApi(node.socket, 'PUT', files('path=x&mode=rwx'), { body: Buffer.from('x') });
    expect(apiRefusalOf(odd)).toMatch(/^INVALID_ARGUMENT: query\.mode/);
  });
});

describe('a folder', () => {
  it('is made with its parents, also when it is empty, and is left alone when it is there', async () => {
    await mkdir(path.join(folder, 'tree', 'empty', 'deep'), { recursive: true });
    expect((await node.run(['upload', python, path.join(folder, 'tree'), 'made/'])).status).toBe(0);
    expect(await exec('import os; os.path.isdir("made/tree/empty/deep")')).toBe('True\n');
    expect((await put('made/tree/', Buffer.alloc(0))).status).toBe(200);
    expect(apiRefusalOf(await put('made/tree/', Buffer.from('x')))).toMatch(/^FILE_ERROR: .*names a folder/);
    await exec('open("made/file", "w").close()');
    expect(apiRefusalOf(await put('made/file/', Buffer.alloc(0)))).toMatch(/^FILE_/);
    await rm(path.join(folder, 'tree'), { recursive: true });
  });
});

describe('an odd name', () => {
  const names = ['-rf', '--help', 'two\nlines', ' ', '*', '\u202e\u001b[2J', 'n'.repeat(255), '…'.repeat(85)];

  // @promise files-carried
  it.each(names)('%j is carried there and back, and listed', async (name) => {
    const local = path.join(folder, name);
    await writeFile(local, `content of ${name}`);
    expect((await node.run(['upload', python, '--', local, 'odd/'])).status).toBe(0);
    const listed = JSON.parse((await node.run(['--json', 'ls', python, 'odd'])).text);
    expect(listed.files.map((file: { filename: string }) => file.filename)).toContain(name);
    const back = path.join(node.folder, 'back');
    expect((await node.run(['download', python, '--', `odd/${name}`, back])).status).toBe(0);
    expect(await readFile(back, 'utf8')).toBe(`content of ${name}`);
    await rm(local);
  });

  it('cannot move the cursor of a terminal', async () => {
    const { text } = await node.run(['ls', python, 'odd']);
    expect(text).toContain('two\\nlines');
    expect(text).not.toContain('\u001b');
  });

  it('that is not UTF-8 is listed in a form that can be read, and comes along in its folder', async () => {
    await exec('import os; os.makedirs(b"bytes"); open(b"bytes/\\xff\\xfe-x", "w").write("odd")');
    expect((await node.run(['ls', python, 'bytes'])).text).toContain('\\xff\\xfe-x');
    const target = path.join(node.folder, 'bytes');
    expect((await node.run(['download', python, 'bytes', target])).status).toBe(0);
    expect(await readdir(target)).toEqual(['\ufffd\ufffd-x']);
    expect(await readFile(path.join(target, '\ufffd\ufffd-x'), 'utf8')).toBe('odd');
    expect(apiRefusalOf(await callApi(node.socket, 'GET', files('path=bytes/%ff%fe-x', '/content')))).toMatch(
      /^(FILE_NOT_FOUND|INVALID_ARGUMENT)/,
    );
  });

  it('of a local file that is not UTF-8 is refused in one sentence, and the others go', async () => {
    const odd = path.join(node.folder, 'odd-local');
    await mkdir(odd);
    await writeFile(Buffer.concat([Buffer.from(`${odd}/`), Buffer.from([0xff, 0xfe])]), 'x');
    await writeFile(path.join(odd, 'plain'), 'x');
    const outcome = await node.run(['upload', python, odd, 'from-odd']);
    expect(outcome).toMatchObject({ status: 0, stderr: expect.stringMatching(/^kernelet: left out: .*UTF-8\n$/) });
    expect(await exec('import os; os.listdir("from-odd")')).toBe("['plain']\n");
  });
});

describe('what is no file', () => {
  it('is refused on this side', async () => {
    await symlink('/dev/zero', path.join(folder, 'zero'));
    for (const [local, text] of [
      ['/dev/zero', /not a regular file/],
      [path.join(folder, 'zero'), /not a regular file/],
      [path.join(folder, 'absent'), /absent.*does not exist/],
      ['/proc/self/fd', /./],
    ] as const) {
      const refusal = await refused(node, ['upload', python, local, 'x']);
      expect([local, refusal.message]).toEqual([local, expect.stringMatching(text)]);
    }
    await rm(path.join(folder, 'zero'));
  });

  it('is refused in the kernel: a folder, a device, a pipe that nobody writes to', async () => {
    await exec('import os; os.mkfifo("pipe"); os.makedirs("dir/below")');
    expect((await refused(node, ['download', python, 'pipe', path.join(folder, 'p')])).code).toBe('FILE_ERROR');
    expect(apiRefusalOf(await put('pipe', Buffer.from('x')))).toMatch(/^FILE_ERROR: .*regular/);
    expect(apiRefusalOf(await put('dir', Buffer.from('x')))).toMatch(/^FILE_ERROR: .*folder/);
    expect(apiRefusalOf(await put('.', Buffer.from('x')))).toMatch(/^FILE_ERROR: .*folder/);
    expect((await refused(node, ['ls', python, 'pipe'])).message).toBe('"pipe" is not a folder');
  });
});

describe('2 GiB', () => {
  const twoGiB = 2 * 1024 ** 3;

  it('are refused before they are sent, by the command line and by the API', async () => {
    const large = path.join(folder, 'large');
    await using handle = await open(large, 'w');
    await handle.truncate(twoGiB);
    const before = await homeNames();
    const refusal = await refused(node, ['upload', python, large, 'large']);
    expect(refusal).toMatchObject({ code: 'TOO_LARGE', status: 125, message: expect.stringContaining('large') });
    const declared = await put('large', endless(1), { 'content-length': String(twoGiB) });
    expect(apiRefusalOf(declared)).toMatch(/^TOO_LARGE: .*"large"/);
    expect(await homeNames()).toBe(before);
    await rm(large);
  });

  it('of no declared length are cut off at the bound, with little memory and nothing left', async () => {
    const before = await homeNames();
    const peak = await daemonPeak();
    const reply = await callApi(node.socket, 'PUT', files('path=large'), { body: endless(twoGiB), timeoutMs: 120_000 });
    expect(apiRefusalOf(reply)).toMatch(/^TOO_LARGE: .*"large"/);
    expect((await daemonPeak()) - peak).toBeLessThan(64 * 1024 ** 2);
    expect(await homeNames()).toBe(before);
  });
});

/** Zeros up to a size. */
async function* endless(bytes: number): AsyncGenerator<Uint8Array> {
  const piece = Buffer.alloc(256 * 1024);
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}
