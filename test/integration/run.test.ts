import { existsSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kernelet } from '../support/command.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started();
});
afterAll(() => node[Symbol.asyncDispose]());

const python = (code: string, ...args: string[]) => node.run(['run', '--lang', 'python', '-c', code, ...args]);

// @promise program-as-at-home
describe('kernelet run', () => {
  it('behaves like python3 -c: output, no echo of the last value, arguments, status 0', async () => {
    expect(await python('import sys; print("hi", sys.argv[1:]); 42', 'a', '-b')).toMatchObject({
      status: 0,
      text: "hi ['a', '-b']\n",
    });
  });

  it('takes the status from sys.exit', async () => {
    expect((await python('import sys; sys.exit(3)')).status).toBe(3);
  });

  it('gives 1 and the traceback on standard error after an exception', async () => {
    const outcome = await python('def f():\n    raise ValueError("no")\nf()');
    expect(outcome).toMatchObject({ status: 1, text: '' });
    expect(outcome.stderr).toMatch(/^Traceback[\s\S]*in f[\s\S]*ValueError: no\n$/);
  });

  it('gives 128 + n after a signal', async () => {
    expect((await python('import os, signal; os.kill(os.getpid(), signal.SIGTERM)')).status).toBe(143);
  });

  // @promise limits-told
  it('says which limit ended a program, with status 137', async () => {
    const late = await node.run(['run', '--lang', 'python', '--timeout', '700ms', '-c', 'while True: pass']);
    expect(late.status).toBe(137);
    expect(late.stderr.split('\n').filter((line) => line.includes('time limit'))).toHaveLength(1);
    const large = await node.run(['run', '--lang', 'python', '--mem', '96m', '-c', 'x = bytearray(500_000_000)']);
    expect(large.status).toBe(137);
    expect(large.stderr.split('\n').filter((line) => line.includes('memory limit'))).toHaveLength(1);
  });

  it('passes every byte through unchanged', async () => {
    const outcome = await python(
      'import sys, os; sys.stdout.buffer.write(bytes(range(256)) * 4096); sys.stdout.flush(); os.write(2, b"\\xff\\xfe")',
    );
    expect(outcome.status).toBe(0);
    expect(
      outcome.stdout.equals(Buffer.alloc(256 * 4096, Buffer.from(Array.from({ length: 256 }, (_, index) => index)))),
    ).toBe(true);
  });

  it('delivers what child processes and native code print', async () => {
    const outcome = await python(
      'import subprocess, ctypes; subprocess.run(["echo", "child"]); ctypes.CDLL(None).puts(b"native"); ctypes.CDLL(None).fflush(None)',
    );
    expect(outcome.text.split('\n').sort()).toEqual(['', 'child', 'native']);
  });

  it('gives standard input to the program, to its end', async () => {
    const data = Buffer.alloc(3_000_000, 'abc\n');
    const outcome = await node.run(
      ['run', '--lang', 'python', '-c', 'import sys; print(len(sys.stdin.buffer.read()))'],
      { input: data },
    );
    expect(outcome).toMatchObject({ status: 0, text: '3000000\n' });
  });

  it('is not held up by a background child', async () => {
    const begun = performance.now();
    const outcome = await python('import subprocess; subprocess.Popen(["sleep", "60"]); print("left")');
    expect(outcome).toMatchObject({ status: 0, text: 'left\n' });
    expect(performance.now() - begun).toBeLessThan(15_000);
  });

  it('stops the program when standard output is closed', async () => {
    const { child, outcome } = node.start(['run', '--lang', 'python', '-c', 'while True: print("y" * 1000)']);
    child.stdout?.once('data', () => child.stdout?.destroy());
    expect((await outcome).status).toBe(141);
  });

  it('runs a file with its arguments, by suffix and by shebang', async () => {
    await writeFile(path.join(node.folder, 'hello.py'), 'import sys\nprint(__file__.split("/")[-1], sys.argv[1])\n');
    expect(await node.run(['run', 'hello.py', 'x'], { directory: node.folder })).toMatchObject({
      status: 0,
      text: 'hello.py x\n',
    });
    await writeFile(path.join(node.folder, 'script'), '#!/bin/sh\necho "sh $1"\n');
    expect(await node.run(['run', 'script', 'y'], { directory: node.folder })).toMatchObject({
      status: 0,
      text: 'sh y\n',
    });
  });

  it('reads the program from standard input', async () => {
    expect(await node.run(['run', '--lang', 'python', '-'], { input: 'print(6 * 7)\n' })).toMatchObject({
      status: 0,
      text: '42\n',
    });
  });

  it('brings other files along', async () => {
    await writeFile(path.join(node.folder, 'data.txt'), 'content');
    expect(
      await node.run(['run', '--lang', 'python', '--file', 'data.txt', '-c', 'print(open("data.txt").read())'], {
        directory: node.folder,
      }),
    ).toMatchObject({
      status: 0,
      text: 'content\n',
    });
  });

  it('compiles C, and passes a compiler error on', async () => {
    await writeFile(
      path.join(node.folder, 'prog.c'),
      '#include <stdio.h>\nint main(int c, char **v) { printf("%s\\n", v[1]); return 4; }\n',
    );
    expect(await node.run(['run', 'prog.c', 'arg'], { directory: node.folder })).toMatchObject({
      status: 4,
      text: 'arg\n',
    });
    await writeFile(path.join(node.folder, 'bad.c'), 'int main( {\n');
    const bad = await node.run(['run', 'bad.c'], { directory: node.folder });
    expect(bad.status).toBe(1);
    expect(bad.stderr).toMatch(/error:/);
  });

  it('runs JavaScript and shell', async () => {
    expect(
      await node.run(['run', '--lang', 'nodejs', '-c', 'console.log(process.argv.length > 0, [1, 2])']),
    ).toMatchObject({ status: 0, text: 'true [ 1, 2 ]\n' });
    expect(await node.run(['run', '--lang', 'shell', '-c', 'echo "$((6 * 7))"; exit 5'])).toMatchObject({
      status: 5,
      text: '42\n',
    });
  });

  it('runs an image without labels', async () => {
    expect(
      await node.run(['run', '--image', 'kernelet/base:latest', '--pull', 'never', '-c', 'echo hi']),
    ).toMatchObject({ status: 0, text: 'hi\n' });
  });

  it('passes variables with newlines exactly, and hostile ones not to the runner', async () => {
    const outcome = await node.run([
      'run',
      '--lang',
      'python',
      '--env',
      'TEXT=two\nlines',
      '--env',
      'NODE_OPTIONS=--require=/nowhere.js',
      '--env',
      'LD_PRELOAD=/nowhere.so',
      '-c',
      'import os; print(repr(os.environ["TEXT"]), os.environ["NODE_OPTIONS"])',
    ]);
    expect(outcome.status).toBe(0);
    expect(outcome.text).toContain("'two\\nlines' --require=/nowhere.js\n");
  });

  it('runs as an ordinary user without capabilities, with nothing of /opt writable', async () => {
    const outcome = await python(
      'import os; print(os.getuid(), os.getgid(), [l.split()[1] for l in open("/proc/self/status") if l.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb", "NoNewPrivs"))]); ' +
        'print([d for d, _, _ in os.walk("/opt") if os.access(d, os.W_OK)])',
    );
    const none = "'0000000000000000'";
    expect(outcome.text).toMatch(/^(20\d{5}) \1 /);
    expect(outcome.text).toContain(` [${none}, ${none}, ${none}, ${none}, '1']\n[]\n`);
  });

  it('has no network with --network none', async () => {
    const outcome = await node.run([
      'run',
      '--lang',
      'python',
      '--network',
      'none',
      '-c',
      'import os; print(os.listdir("/sys/class/net"))',
    ]);
    expect(outcome.text).toBe("['lo']\n");
  });

  it('mounts only what the configuration allows', async () => {
    const data = path.join(node.folder, 'shared');
    await mkdir(data, { recursive: true });
    const outcome = await node.run(['run', '--lang', 'shell', '--mount', `${data}:/home/work/shared`, '-c', 'true']);
    expect(outcome.status).toBe(125);
    expect(outcome.stderr).toMatch(/mount-allow/);
    expect((await node.run(['run', '--lang', 'shell', '--mount', '/:/mnt', '-c', 'true'])).status).toBe(125);
  });

  // @promise clear-errors
  it('gives one clear error and the right status for wrong values', async () => {
    for (const [args, status, text] of [
      [['--mem', '0'], 2, /0/],
      [['--mem', '-1'], 2, /-1/],
      [['--mem', 'lots'], 2, /lots/],
      [['--cpus', '0'], 2, /cpus/],
      [['--cpus', '9999'], 125, /9999/],
      [['--mem', '900t'], 125, /memory/],
      [['--timeout', 'soon'], 2, /soon/],
      [['--image', 'kernelet/absent:1', '--pull', 'never'], 125, /kernelet\/absent:1/],
      [['--network', 'host'], 2, /host/],
      [['--nonsense'], 2, /nonsense/],
    ] as const) {
      const outcome = await node.run(['run', ...args, '-c', 'true']);
      expect([args, outcome.status]).toEqual([args, status]);
      expect(outcome.stderr).toMatch(text);
      expect(outcome.stderr).not.toMatch(/\n\s+at /);
      expect(outcome.text).toBe('');
    }
  });

  it('answers with one document on one line with --json', async () => {
    const outcome = await node.run(['run', '--json', '--lang', 'python', '-c', 'print(1)']);
    const documents = outcome.text
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(documents.length).toBeGreaterThan(0);
    expect(JSON.stringify(documents.at(-1))).toMatch(/"exitCode":0/);
  });
});

describe('kernelet run without a daemon', () => {
  // @promise commands-clean
  it('uses an agent of its own and leaves nothing', async () => {
    await using alone = await NodeUnderTest.make();
    expect(await alone.run(['run', '--lang', 'python', '-c', 'print("alone")'])).toMatchObject({
      status: 0,
      text: 'alone\n',
    });
  });

  // @promise commands-clean
  it('clears away what a killed one left', async () => {
    await using alone = await NodeUnderTest.make();
    const { child } = alone.start([
      'run',
      '--lang',
      'python',
      '-c',
      'print("up", flush=True); import time; time.sleep(600)',
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGKILL');
    expect((await alone.run(['run', '--lang', 'python', '-c', 'print("next")'])).text).toBe('next\n');
  });

  // @promise commands-clean
  it('ends with everything removed on Ctrl-C and SIGTERM', async () => {
    await using alone = await NodeUnderTest.make();
    const { child, outcome } = alone.start([
      'run',
      '--lang',
      'python',
      '-c',
      'print("up", flush=True); import time; time.sleep(600)',
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    child.kill('SIGTERM');
    expect((await outcome).status).toBe(143);
  });

  it('works through a symbolic link to the program', async () => {
    await using alone = await NodeUnderTest.make();
    const link = path.join(alone.folder, 'kl');
    const { program } = await import('../support/command.ts');
    await symlink(program, link);
    const { spawnSync } = await import('node:child_process');
    expect(spawnSync(link, ['--version'], { encoding: 'utf8' }).stdout).toMatch(/^\d+\.\d+\.\d+/);
  });
});

describe('commands without a daemon', () => {
  it('build the runner volume only for a kernel', async () => {
    await using alone = await NodeUnderTest.make();
    const volumes = path.join(alone.folder, 'volumes');
    const environment = { KERNELET_VOLUME_DIR: volumes };
    expect(await alone.run(['image', 'ls'], { environment })).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(volumes)).toBe(false);
    const code = ['run', '--lang', 'shell', '-c', 'echo on'];
    expect(await alone.run(code, { environment })).toMatchObject({ status: 0, text: 'on\n' });
    expect((await readdir(volumes)).length).toBe(1);
  });

  it('fail in one sentence, with status 125', async () => {
    const outcome = await kernelet(['ps'], { environment: { KERNELET_SOCKET: '/tmp/kernelet-nowhere.sock' } });
    expect(outcome).toMatchObject({ status: 125, text: '' });
    expect(outcome.stderr).toMatch(/no daemon/i);
  });
});
