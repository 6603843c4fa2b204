import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.started();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('image', () => {
  it('ls, inspect, build and pull show what there is', async () => {
    const { stdout } = await cli.run(['image', 'ls']);
    expect(stdout).toMatch(
      /^IMAGE .*\ndebian:latest +shell +no +1 B\n(kernelet.*\n){2}kernelet\/python:latest +python +yes +1 B\n/,
    );
    const inspected = await cli.run(['image', 'inspect', 'kernelet/python']);
    expect(inspected.stdout).toMatch(/^label ai\.backend\.runtime-type: +python$/m);
    const build = cli.agent.buildImage.bind(cli.agent);
    cli.agent.buildImage = async (name, signal, onProgress) => {
      onProgress({ message: `building ${name}`, fraction: 0.5 });
      return await build(name, signal, () => {});
    };
    const built = await cli.run(['image', 'build', 'gcc']);
    expect(built).toEqual({ status: 0, stdout: 'kernelet/gcc:latest\n', stderr: 'building gcc 50 %\n' });
    expect((await cli.run(['image', 'build', 'gcc', '--if-missing'])).stderr).toBe('');
    expect(await cli.run(['image', 'pull', 'a/b'])).toMatchObject({ status: 0, stdout: 'a/b:latest\n' });
    expect(await cli.document('image', 'inspect', 'a/b')).toMatchObject({ reference: 'a/b:latest' });
  });

  it('rm removes each for itself', async () => {
    await cli.run(['image', 'pull', 'a/b']);
    const { status, stdout, stderr } = await cli.run(['image', 'rm', '-f', 'absent', 'a/b']);
    expect([status, stdout]).toEqual([125, 'a/b\n']);
    expect(stderr).toMatch(/^kernelet: image absent:latest is not on this machine\n/);
    expect(cli.agent.calls).toContain('remove image a/b force');
  });

  it('works without a daemon, by an agent of its own that it ends', async () => {
    await cli.stopDaemon();
    expect((await cli.run(['image', 'ls'])).status).toBe(0);
    expect(cli.agent.calls).toEqual(['started in process', 'ended in process']);
  });
});
