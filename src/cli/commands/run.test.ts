import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { KerneletError } from '../../lib/errors.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.started();
});
afterEach(() => cli[Symbol.asyncDispose]());

const request = () => [...cli.agent.runs.values()].at(-1)?.request;
const put = (name: string, text: string): Promise<void> => writeFile(join(cli.folder, name), text);

describe('run', () => {
  it('creates, uploads, runs and removes; the status is the program’s', async () => {
    await put('main.c', 'int main;');
    await put('data.csv', '1,2');
    cli.agent.script = () => [[{ kind: 'stdout' }, 'hi\n'], [{ kind: 'finished', exitCode: 5, reason: 'exited' }]];
    const args = ['run', '--timeout', '2s', '--file', 'data.csv', 'main.c', '--cpus', '4'];
    expect(await cli.run(args)).toEqual({ status: 5, stdout: 'hi\n', stderr: '' });
    expect(cli.agent.creations[0]).toMatchObject({ language: 'c', interpreter: 'lazy', idleTimeoutMs: 60_000 });
    expect([...cli.agent.files.keys()]).toEqual(['main.c', 'data.csv']);
    const source = { from: 'file', path: 'main.c' };
    expect(request()).toEqual({ mode: 'program', source, args: ['--cpus', '4'], timeoutMs: 2_000 });
    expect(cli.agent.kernels.size).toBe(0);
    expect((await cli.run(['ps', '--all', '--json'])).stdout).toBe('[]\n');
  });

  // @promise habits
  it('takes the short options that people know', async () => {
    await put('secrets', 'TOKEN=x\n');
    const options = ['-m', '64m', '-e', 'A=1', '--env-file', 'secrets', '-p', '80', '-w', 'site', '-v', '.:/x:ro'];
    expect((await cli.run(['run', ...options, '-c', '1'])).status).toBe(0);
    expect(cli.agent.creations[0]).toMatchObject({
      memoryBytes: 64 * 2 ** 20,
      environ: { A: '1', TOKEN: 'x' },
      publish: [80],
      mounts: [{ source: cli.folder, target: '/x', readOnly: true }],
    });
    expect(request()).toMatchObject({ mode: 'program', cwd: 'site' });
  });

  // @promise files-carried
  it('puts a program among the files of a folder, where it stands there', async () => {
    await mkdir(join(cli.folder, 'project', 'lib'), { recursive: true });
    await mkdir(join(cli.folder, 'project', 'empty'));
    await put('project/main.py', 'import lib.a');
    await put('project/lib/a.py', '');
    await put('data.csv', '');
    const run = ['run', '--dir', 'project', '--file', 'data.csv'];
    expect((await cli.run([...run, 'project/main.py'])).status).toBe(0);
    expect([...cli.agent.files.keys()].toSorted()).toEqual(['data.csv', 'empty/', 'lib/a.py', 'main.py']);
    expect(request()).toMatchObject({ source: { from: 'file', path: 'main.py' } });
    expect((await cli.run([...run, 'project/lib/a.py'])).status).toBe(0);
    expect(request()).toMatchObject({ source: { from: 'file', path: 'lib/a.py' } });
    expect((await cli.run(['run', '--dir', 'data.csv', '-c', '1'])).stderr).toMatch(/--dir: ".*data.csv" is no folder/);
  });

  // @promise habits
  it('leaves a detached program in a kernel that stays, by whose name it is found', async () => {
    await put('server.py', 'x');
    const { status, stdout } = await cli.run(['run', '-d', '--name', 'web', 'server.py']);
    expect([status, cli.agent.kernels.has(stdout.trim())]).toEqual([0, true]);
    expect(request()).toMatchObject({ name: 'program', output: 'newest', stdin: 'closed' });
    expect((await cli.run(['run', '-d', '-'])).stderr).toContain('--detach goes with FILE or -c CODE');
    cli.agent.execute = async () => {
      throw new KerneletError('OVERLOADED', 'too much');
    };
    expect((await cli.run(['run', '-d', '-c', '1'])).status).toBe(125);
    expect([...cli.agent.kernels.keys()]).toEqual([stdout.trim()]);
  });

  it.each<readonly [args: string[], language: string | undefined]>([
    [['-c', '1'], 'python'],
    [['-c', '#!/bin/sh\necho'], 'shell'],
    [['--image', 'debian', '-c', '1'], undefined],
    [['--lang', 'cpp', '-'], 'cpp'],
    [['script'], 'nodejs'],
  ])('%j picks the language', async (args, language) => {
    await put('script', '#!/usr/bin/env node\n');
    expect((await cli.run(['run', ...args])).status).toBe(0);
    expect(cli.agent.creations[0]?.language).toBe(language);
  });

  it.each<readonly [args: string[], RegExp]>([
    [[], /nothing to run/],
    [['absent.py'], /"absent.py" does not exist/],
    [['.'], /is a folder, not a file/],
    [['unknown.xyz'], /the language of "unknown.xyz" is not known\nGive --lang/],
    [['--file', 'unknown.xyz', '--lang', 'c', 'unknown.xyz'], /two files are called "unknown.xyz"/],
    [['--lang', 'klingon', '-c', '1'], /--lang "klingon"/],
    [['--save-media', 'pictures', '-c', '1'], /--save-media <folder>: .* `kernelet exec ID --save-media FOLDER FILE`/],
  ])('%j is refused, and no kernel is made', async (args, message) => {
    await put('unknown.xyz', 'text');
    const { status, stderr } = await cli.run(['run', ...args]);
    expect([status, cli.agent.creations]).toEqual([2, []]);
    expect(stderr).toMatch(message);
  });

  it('has no option in its help that it refuses', async () => {
    expect((await cli.run(['run', '--help'])).stdout).not.toContain('save-media');
    expect((await cli.run(['exec', '--help'])).stdout).toContain('--save-media <folder>');
  });

  it('says what a warning or a published port of the kernel is', async () => {
    const { stderr } = await cli.run(['run', '--publish', '80', '-c', '1']);
    expect(stderr).toBe('kernelet: port 80 is published on 127.0.0.1:31000\n');
  });

  it('removes the kernel also when the run fails, and when a signal ends it', async () => {
    cli.agent.script = () => {
      throw new KerneletError('KERNEL_DIED', 'it died');
    };
    expect((await cli.run(['run', '-c', '1'])).status).toBe(125);
    expect(cli.agent.kernels.size).toBe(0);
    const io = cli.io();
    cli.agent.script = async function* (_, signal) {
      yield [{ kind: 'started' }];
      setTimeout(() => io.send('SIGTERM'), 10);
      await new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    expect((await cli.run(['run', '-c', '1'], io)).status).toBe('SIGTERM');
    expect(cli.agent.kernels.size).toBe(0);
  });

  it('undoes the creation when a signal ends it before the kernel is there', async () => {
    const io = cli.io();
    cli.agent.whileCreating = (signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
        io.send('SIGINT');
      });
    expect(await cli.run(['run', '-c', '1'], io)).toMatchObject({ status: 'SIGINT', stdout: '' });
    expect([cli.agent.kernels.size, cli.agent.runs.size]).toEqual([0, 0]);
  });

  it('the first Ctrl-C goes to the program', async () => {
    const io = cli.io();
    cli.agent.script = async function* (fake) {
      yield [{ kind: 'started' }];
      io.send('SIGINT');
      while (fake.interrupts === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      yield [{ kind: 'finished', exitCode: -2, reason: 'signalled' }];
    };
    expect((await cli.run(['run', '-c', '1'], io)).status).toBe(130);
  });

  it('uses an agent of its own when no daemon answers, and ends it', async () => {
    await cli.stopDaemon();
    expect((await cli.run(['run', '-c', '1'])).status).toBe(0);
    expect(cli.agent.calls).toEqual([
      'started in process',
      expect.stringMatching(/^destroy .* force$/),
      'ended in process',
    ]);
  });
});
