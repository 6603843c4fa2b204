import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  await cli.run(['create', '--lang', 'python', '--name', 'web']);
  await writeFile(join(cli.folder, 'f'), 'text', { mode: 0o600 });
});
afterEach(() => cli[Symbol.asyncDispose]());

const inside = (path: string) => cli.agent.files.get(path);

// @promise files-carried
describe('cp', () => {
  it('copies into a kernel and out of it, with modes', async () => {
    expect(await cli.run(['cp', 'f', 'web:a/b'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(inside('a/b')).toEqual({ bytes: Buffer.from('text'), mode: 0o600 });
    expect((await cli.run(['cp', 'f', 'web:'])).status).toBe(0);
    expect(inside('f')?.bytes.toString()).toBe('text');
    expect((await cli.run(['cp', 'web:a/b', 'back'])).status).toBe(0);
    expect(await readFile(join(cli.folder, 'back'), 'utf8')).toBe('text');
  });

  it('takes standard input and gives to standard output as -', async () => {
    const io = cli.io();
    io.stdin.pieces = ['one ', 'two'];
    expect((await cli.run(['cp', '-', 'web:note'], io)).status).toBe(0);
    expect(inside('note')).toEqual({ bytes: Buffer.from('one two'), mode: 0o644 });
    expect((await cli.run(['cp', 'web:note', '-'])).stdout).toBe('one two');
  });

  it('takes a path of this machine that has a colon', async () => {
    await writeFile(join(cli.folder, 'a:b'), 'x');
    expect((await cli.run(['cp', './a:b', 'web:c'])).status).toBe(0);
    expect(inside('c')?.bytes.toString()).toBe('x');
  });

  it('has an archive unpacked in the kernel', async () => {
    expect(await cli.run(['cp', '--unpack', 'f', 'web:d'])).toEqual({ status: 0, stdout: '', stderr: '' });
    const io = cli.io();
    io.stdin.pieces = ['t', 'ar'];
    expect((await cli.run(['cp', '--unpack', '-', 'web:', '--json'], io)).stdout).toContain('"bytes":3');
    const unpacked = [...cli.agent.unpacked].map(([path, bytes]) => [path, bytes.toString()]);
    expect(unpacked).toEqual([
      ['d', 'text'],
      ['.', 'tar'],
    ]);
  });

  it.each<readonly [paths: string[], RegExp]>([
    [['--unpack', 'web:f', 'g'], /--unpack goes with LOCAL ID:PATH/],
    [['--unpack', 'f', 'g', 'web:'], /one archive is unpacked at a time/],
    [['f'], /what to copy, and where to/],
    [['f', 'g'], /one side is a kernel, and one this machine\nGive LOCAL/],
    [['web:f', 'web:g'], /one side is a kernel/],
    [['web:f', 'web:g', '.'], /one side is a kernel/],
  ])('%j is refused', async (paths, message) => {
    const { status, stderr } = await cli.run(['cp', ...paths]);
    expect([status, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});
