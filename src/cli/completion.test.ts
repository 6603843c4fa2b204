import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeAll(async () => {
  cli = await CliUnderTest.started();
  id = (await cli.run(['create', '--lang', 'python', '--name', 'web'])).stdout.trim();
});
afterAll(() => cli[Symbol.asyncDispose]());

const candidates = async (...words: string[]): Promise<string[]> => {
  const { status, stdout } = await cli.run(['completion', 'candidates', '--', ...words]);
  expect(status).toBe(0);
  return stdout.split('\n').filter(Boolean);
};
const wordsOf = (lines: readonly string[]) => lines.map((line) => line.split('\t')[0]);

// @promise completion
describe('where a command line ends', () => {
  it('stand commands, and those of a group', async () => {
    expect(await candidates('ps')).toEqual(['ps\tlist kernels']);
    expect(wordsOf(await candidates('im'))).toEqual(['image']);
    expect(wordsOf(await candidates('image', 'b'))).toEqual(['build']);
    expect(wordsOf(await candidates('--socket', cli.socket, 'cre'))).toEqual(['create']);
  });

  it('stand options, and their values', async () => {
    expect(wordsOf(await candidates('run', '--publi'))).toEqual(['--publish']);
    expect(wordsOf(await candidates('--js'))).toEqual(['--json']);
    expect(await candidates('run', '--pull', 'm')).toEqual(['missing']);
    expect(await candidates('create', '--lang', 'pyth')).toEqual(['python']);
  });

  it('stand names and beginnings of ids where a kernel is named, as often as it may be', async () => {
    const both = [`web\trunning, kernelet/python:latest`, `${id.slice(0, 8)}\trunning, kernelet/python:latest`];
    expect(await candidates('inspect', '')).toEqual(both);
    expect(await candidates('rm', '-f', 'other', '')).toEqual(both);
    expect(wordsOf(await candidates('exec', '--timeout', '3s', 'w'))).toEqual(['web']);
    expect(await candidates('inspect', 'web', '')).toEqual([]);
  });

  it('stands nothing of ours where a path or a program may, or where no daemon answers', async () => {
    expect(await candidates('upload', 'web', '')).toEqual([]);
    expect(await candidates('run', 'x.py', '--')).toEqual([]);
    expect(await candidates('nothing', '')).not.toContain('web');
    const nobody = await cli.run(['--socket', '/nowhere/api.sock', 'completion', 'candidates', '--', 'rm', '']);
    expect(nobody).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});

// @promise completion
it('the script for bash hands over what is typed, and takes the words', async () => {
  const { stdout: script } = await cli.run(['completion', 'bash']);
  const program = join(cli.folder, 'kernelet');
  await writeFile(program, `#!/bin/sh\nshift 3\nprintf '%s\\tof %s words\\n' "last=$2" $#\n`);
  await chmod(program, 0o755);
  const typed = `COMP_WORDS=(${program} rm "a b" later); COMP_CWORD=2; _kernelet; printf '%s|' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', `${script}\n${typed}`]);
  expect(stdout).toBe('last=a b|');
  expect((await cli.run(['completion', 'zsh'])).stdout).toMatch(/^#compdef kernelet\n/);
  expect((await cli.run(['completion', 'fish'])).stdout).toContain('complete -c kernelet');
  expect((await cli.run(['completion', 'tcsh'])).stderr).toContain('give bash, zsh, fish');
});
