import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
const bytes = Buffer.from([0, 255, 10]);
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
  cli.agent.files.set('x/f', { bytes, mode: null });
  await mkdir(join(cli.folder, 'src', 'd', 'sub'), { recursive: true });
  await writeFile(join(cli.folder, 'src', 'd', 'sub', 'b'), 'bb');
  const archive = execFileSync('tar', ['-C', join(cli.folder, 'src'), '-cf', '-', 'd']);
  cli.agent.archives.set('d', () => new Blob([new Uint8Array(archive)]).stream());
  await mkdir(join(cli.folder, 'out'));
});
afterEach(() => cli[Symbol.asyncDispose]());

const out = async (): Promise<string[]> => (await readdir(join(cli.folder, 'out'), { recursive: true })).sort();
const download = (remote: string, local: string, ...more: string[]) =>
  cli.run(['download', id, ...more, remote, local]);

describe('download', () => {
  it.each<readonly [remote: string, local: string, string[]]>([
    ['x/f', 'out', ['f']],
    ['x/f', 'out/g', ['g']],
    ['d', 'out', ['d', 'd/sub', 'd/sub/b']],
    ['d', 'out/new', ['new', 'new/sub', 'new/sub/b']],
    ['d', 'out/d.tar', ['d.tar']],
  ])('%j to %j lies where it is expected', async (remote, local, expected) => {
    expect(await download(remote, local)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await out()).toEqual(expected);
  });

  it('replaces a file, byte for byte, and says with --json where it is', async () => {
    await writeFile(join(cli.folder, 'out', 'f'), 'a longer text than before');
    const { stdout } = await download('x/f', 'out', '--json');
    expect(JSON.parse(stdout)).toEqual({ path: join(cli.folder, 'out', 'f'), form: 'file' });
    expect(await readFile(join(cli.folder, 'out', 'f'))).toEqual(bytes);
  });

  // @promise files-carried
  it('keeps the mode of a file as far as the umask lets it, and leaves the mode that files have here when it is not known', async () => {
    cli.agent.files.set('key', { bytes, mode: 0o600 });
    cli.agent.files.set('tool', { bytes, mode: 0o777 });
    await writeFile(join(cli.folder, 'out', 'key'), 'what was there', { mode: 0o644 });
    for (const remote of ['key', 'tool', 'x/f']) expect((await download(remote, 'out')).status).toBe(0);
    const modes = ['key', 'tool', 'f'].map(async (name) => (await stat(join(cli.folder, 'out', name))).mode & 0o777);
    expect(await Promise.all(modes)).toEqual([0o600, 0o777 & ~process.umask(), 0o666 & ~process.umask()]);
  });

  it('goes to standard output as -, or into a device', async () => {
    const io = cli.io();
    expect((await cli.run(['download', id, 'x/f', '-'], io)).status).toBe(0);
    expect(Buffer.concat(io.stdout.chunks)).toEqual(bytes);
    expect((await download('x/f', '/dev/null')).status).toBe(0);
    expect(await download('x/f', '/dev/full')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^kernelet: cannot write "\/dev\/full": ENOSPC\n/),
    });
  });

  // @promise links-stay
  it('leaves no link beside the folder, through which what is copied there later would go elsewhere', async () => {
    await mkdir(join(cli.folder, 'out', '.ssh'));
    await symlink('../.ssh', join(cli.folder, 'src', 'd', 'keys'));
    const archive = execFileSync('tar', ['-C', join(cli.folder, 'src'), '-cf', '-', 'd']);
    cli.agent.archives.set('d', () => new Blob([new Uint8Array(archive)]).stream());
    const { status, stderr } = await download('d', 'out');
    expect([status, await out()]).toEqual([0, ['.ssh', 'd', 'd/sub', 'd/sub/b']]);
    expect(stderr).toBe('kernelet: left out: d/keys: it links to "../.ssh", outside\n');
  });

  it('has the name that was asked for, also where that is a link of the kernel to a folder', async () => {
    const archive = execFileSync('tar', ['-C', join(cli.folder, 'src'), '-cf', '-', 'd']);
    cli.agent.archives.set('link', () => new Blob([new Uint8Array(archive)]).stream());
    expect((await download('link', 'out')).status).toBe(0);
    expect(await out()).toEqual(['link', 'link/sub', 'link/sub/b']);
  });

  it('does not mix a folder with one that is there', async () => {
    await mkdir(join(cli.folder, 'out', 'd'));
    await writeFile(join(cli.folder, 'out', 'd', 'mine'), '');
    const { status, stderr } = await download('d', 'out');
    expect(status).toBe(125);
    expect(stderr).toMatch(/out\/d exists already; "d" was not saved/);
    expect(await out()).toEqual(['d', 'd/mine']);
  });

  it('that is cut off leaves nothing behind', async () => {
    cli.agent.archives.set('cut', () => {
      let count = 0;
      return new ReadableStream({
        async pull(controller) {
          if (count > 3) throw new Error('gone');
          count += 1;
          controller.enqueue(Buffer.alloc(64 * 1024));
        },
      });
    });
    for (const local of ['out', 'out/cut.tar', '-']) {
      const { status, stderr } = await download('cut', local);
      expect(status).toBe(125);
      expect(stderr).toMatch(/cut off|closed the connection/);
      expect(stderr).not.toContain('Report it');
    }
    expect(await out()).toEqual([]);
  });

  it.each([
    ['shorter', 'ab', 4],
    ['longer', 'abcd', 2],
  ])('of a file that became %s is refused or cut, never mixed with something else', async (way, content, size) => {
    cli.agent.lies.set('f', { size, content: () => new Blob([content]).stream() });
    const { status, stderr } = await download('f', 'out');
    if (way === 'longer') {
      expect([status, stderr, await readFile(join(cli.folder, 'out', 'f'), 'utf8')]).toEqual([0, '', 'ab']);
      return;
    }
    expect(status).toBe(125);
    expect(stderr).toMatch(/^kernelet: the download of "f" was cut off: it became shorter meanwhile/);
    expect(await out()).toEqual([]);
  });

  it('that a signal ends leaves nothing behind', async () => {
    const io = cli.io();
    cli.agent.archives.set('slow', () => {
      return new ReadableStream({
        pull(controller) {
          controller.enqueue(Buffer.alloc(1024));
          setTimeout(() => io.send('SIGTERM'), 10);
          return new Promise(() => {});
        },
      });
    });
    expect((await cli.run(['download', id, 'slow', 'out/slow.tar'], io)).status).toBe('SIGTERM');
    expect(await out()).toEqual([]);
  });

  it.each<readonly [remote: string, local: string, status: number, RegExp]>([
    ['absent', 'out', 125, /absent does not exist/],
    ['x/f', 'nowhere/g', 125, /cannot write ".*\/nowhere\/g": there is no folder ".*\/nowhere"/],
    ['d', 'nowhere/g', 125, /there is no folder ".*\/nowhere"/],
    ['x/f', 'nowhere/', 2, /there is no folder "nowhere\/"/],
  ])('%j to %j is refused in one sentence', async (remote, local, status, message) => {
    const outcome = await download(remote, local);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toMatch(message);
    expect(await out()).toEqual([]);
  });
});
