/** The other runtimes in real containers: JavaScript, C, C++, shell, and types whose language the image lacks. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { uniqueName } from '../support/engine.ts';
import { docker, tenantId } from '../support/runner-container.ts';
import { commitImage } from '../support/runner-images.ts';
import { RunnerSession } from '../support/runner-session.ts';

async function session(type: string, image: string): Promise<RunnerSession> {
  const started = await RunnerSession.start(type, image);
  onTestFinished(() => started[Symbol.asyncDispose]());
  return started;
}

describe('JavaScript', () => {
  it('keeps declarations, awaits, shows the last value, and is interrupted', async () => {
    const kernel = await session('nodejs', 'kernelet/nodejs');
    await kernel.query('let a = 5; const b = 6; class C {}');
    expect((await kernel.query('a * b')).stdout).toBe('30\n');
    expect((await kernel.query('await new Promise((done) => setTimeout(done, 10, 7))')).stdout).toBe('7\n');
    expect(await kernel.query('throw new Error("no")')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Error: no'),
    });
    const told = await kernel.interruptedQuery('console.log("on"); while (true);');
    expect(told.exitCode).toBe(130);
    expect((await kernel.query('a')).stdout).toBe('5\n');
    expect(await kernel.query('process.exit(9)')).toMatchObject({ exitCode: 9 });
    expect(await kernel.query('typeof a')).toMatchObject({ stdout: "'undefined'\n" });
    expect(await kernel.program('console.log(process.argv.slice(1)); process.exitCode = 3; 5', ['x'])).toMatchObject({
      stdout: "[ 'x' ]\n",
      exitCode: 3,
    });
  });
});

describe.each([
  ['c', '#include <stdio.h>\n', 'printf'],
  ['cpp', '#include <iostream>\n#include <cstdio>\n', 'std::printf'],
] as const)('%s', (type, includes, print) => {
  const program = (body: string) => `${includes}int main(int n, char **v) { ${body} }`;

  // @promise program-as-at-home
  it('is compiled and run, by query, as a program and as a batch, with the program’s own end', async () => {
    const kernel = await session(type, 'kernelet/gcc');
    const hello = program(`${print}("hello %d\\n", n); return 3;`);
    expect(await kernel.query(hello)).toMatchObject({ stdout: 'hello 1\n', exitCode: 3 });
    expect(await kernel.program(hello, ['a'])).toMatchObject({ stdout: 'hello 2\n', exitCode: 3 });
    expect(await kernel.query('int main() { return nowhere; }')).toMatchObject({
      stdout: '',
      exitCode: 1,
      stderr: expect.stringContaining('nowhere'),
    });
    expect(await kernel.program(program('__builtin_trap();'))).toMatchObject({ exitCode: -4, reason: 'signalled' });
    const suffix = type === 'c' ? 'c' : 'cpp';
    await kernel.shell(`printf '%s' '${hello.replaceAll("'", "'\\''")}' >source.${suffix}`);
    const built = await kernel.execute({ mode: 'batch', clean: '*', build: '*', exec: '*', timeoutMs: 30_000 });
    expect(built).toMatchObject({ stdout: 'hello 1\n', exitCode: 3 });
    expect(built.kinds).toEqual(['started', 'clean-finished', 'build-finished', 'finished']);
    expect((await kernel.shell('ls -A')).stdout).not.toContain('.kernelet-');
  });
});

describe('shell', () => {
  it('keeps variables and the folder, and loses them only with the interpreter', async () => {
    const kernel = await session('shell', 'kernelet/base');
    expect(await kernel.query('X=5; cd /tmp')).toMatchObject({ exitCode: 0, reason: 'exited' });
    expect((await kernel.query('echo $X; pwd')).stdout).toBe('5\n/tmp\n');
    expect((await kernel.interruptedQuery('echo go; sleep 30')).exitCode).toBe(130);
    expect(await kernel.query('echo $X; exit 4')).toMatchObject({ stdout: '5\n', exitCode: 4 });
    expect((await kernel.query('echo "X=$X"')).stdout).toBe('X=\n');
    expect(await kernel.query('sleep 30', 300)).toMatchObject({ reason: 'time-limit', exitCode: -9, stderr: '' });
  });
});

describe('a type', () => {
  it.each(['julia', 'vendor.h2o'])(
    '%s answers 127 with one line where the image lacks it, and commands work',
    async (type) => {
      const kernel = await session(type, 'kernelet/base');
      for (const told of [await kernel.query('1'), await kernel.program('1')]) {
        expect(told).toMatchObject({ exitCode: 127, reason: 'unable', stdout: '' });
        expect(told.stderr).toMatch(/^kernelet: this image has no .*\n$/);
      }
      expect((await kernel.shell('echo hi')).stdout).toBe('hi\n');
    },
  );

  it('that nobody knows is taken for an application, with a warning', async () => {
    const kernel = await session('fortran', 'kernelet/base');
    expect(kernel.peer.status?.detail).toBe('unknown runtime type "fortran": taking it for app');
    expect((await kernel.query('echo $((6 * 7))')).stdout).toBe('42\n');
  });

  it('whose images start with a program has it run beside everything else, as the user', async () => {
    const image = uniqueName('kernelet-test');
    const starter = '/usr/local/bin/movecompiled.sh';
    await commitImage(image, `printf '#!/bin/sh\\nid -u >started; sleep 600\\n' >${starter}; chmod +x ${starter}`);
    onTestFinished(async () => void (await docker('rmi', '-f', image)));
    const kernel = await session('julia', image);
    const told = await kernel.shell('until [ -s started ]; do sleep 0.1; done; cat started', 10_000);
    expect(told.stdout).toBe(`${tenantId}\n`);
  });
});
