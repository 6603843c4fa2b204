import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
  const folder = join(cli.folder, 'd', 'sub');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'b'), 'bb');
  await writeFile(join(cli.folder, 'd', 'a.txt'), 'a');
  await writeFile(join(cli.folder, 'f'), 'fff');
});
afterEach(() => cli[Symbol.asyncDispose]());

const names = (): string[] => [...cli.agent.files.keys()].sort();

describe('upload', () => {
  it.each<readonly [paths: string[], string[]]>([
    [['f', '.'], ['f']],
    [['f', 'g'], ['g']],
    [['f', 'g/'], ['g/f']],
    [['f', 'x/y/z'], ['x/y/z']],
    [['f', 'there'], ['there/f']],
    [
      ['d', '.'],
      ['d/a.txt', 'd/sub/b'],
    ],
    [
      ['d', 'new'],
      ['new/a.txt', 'new/sub/b'],
    ],
    [
      ['d/sub/', 'f', 'new'],
      ['new/f', 'new/sub/b'],
    ],
    [['./d/../f', '.'], ['f']],
  ])('%j puts files where they are expected', async (paths, expected) => {
    cli.agent.files.set('there/already', { bytes: Buffer.alloc(0), mode: null });
    expect(await cli.run(['upload', id, ...paths])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(names().filter((name) => name !== 'there/already')).toEqual(expected);
  });

  it('keeps bytes and the mode of a file, and says with --json what went where', async () => {
    const bytes = Buffer.from([0, 255, 10]);
    await writeFile(join(cli.folder, 'f'), bytes);
    await chmod(join(cli.folder, 'f'), 0o600);
    const { stdout } = await cli.run(['upload', id, '--json', 'f', '.']);
    expect(JSON.parse(stdout)).toEqual({ files: ['f'], bytes: 3 });
    expect(cli.agent.files.get('f')).toEqual({ bytes, mode: 0o600 });
  });

  it('names what it leaves out, and why', async () => {
    await symlink('nowhere', join(cli.folder, 'd', 'broken'));
    const { status, stderr } = await cli.run(['upload', id, 'd', '.']);
    expect([status, names()]).toEqual([0, ['d/a.txt', 'd/sub/b']]);
    expect(stderr).toContain(`left out: ${cli.folder}/d/broken: it is neither a file nor a folder\n`);
  });

  // @promise links-stay
  it('follows no link out of the folder, such as to a key of the caller, and those within', async () => {
    await symlink('../f', join(cli.folder, 'd', 'key'));
    await symlink('a.txt', join(cli.folder, 'd', 'within'));
    await symlink(join(cli.folder, 'd'), join(cli.folder, 'named'));
    const { status, stderr } = await cli.run(['upload', id, 'named', '.']);
    expect([status, names()]).toEqual([0, ['named/a.txt', 'named/sub/b', 'named/within']]);
    expect(stderr).toContain(`left out: ${cli.folder}/named/key: it is a link that leads out of the folder\n`);
  });

  it('makes the folders that are empty', async () => {
    await mkdir(join(cli.folder, 'd', 'empty'));
    await mkdir(join(cli.folder, 'bare'));
    const { status, stdout } = await cli.run(['upload', '--json', id, 'd', 'bare', 'to']);
    const made = ['to/bare/', 'to/d/a.txt', 'to/d/empty/', 'to/d/sub/b'];
    expect([status, JSON.parse(stdout).files.toSorted(), names()]).toEqual([0, made, made]);
  });

  it('ends at the first SIGTERM while the runner does not answer', async () => {
    const io = cli.io();
    cli.agent.listFiles = () => {
      io.send('SIGTERM');
      return new Promise(() => {});
    };
    expect((await cli.run(['upload', id, 'f', 'g'], io)).status).toBe('SIGTERM');
    expect(names()).toEqual([]);
  });

  it.each<readonly [paths: string[], status: number, RegExp]>([
    [['f'], 2, /give at least one LOCAL and a REMOTE/],
    [['absent', '.'], 2, /"absent" does not exist/],
    [['f', 'absent', '.'], 2, /"absent" does not exist/],
    [['/dev/null', '.'], 2, /not a regular file/],
    [['f', '../x'], 125, /outside of \/home\/work/],
  ])('%j is refused, and nothing is written', async (paths, status, message) => {
    const outcome = await cli.run(['upload', id, ...paths]);
    expect([outcome.status, names()]).toEqual([status, []]);
    expect(outcome.stderr).toMatch(message);
  });
});
