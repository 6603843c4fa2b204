import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

describe('ps', () => {
  it('lists kernels, only ids with -q, and an array with --json', async () => {
    cli.changeKernel(id, { image: 'odd\u001B[2J' });
    const { stdout } = await cli.run(['ps']);
    expect(stdout.split('\n')).toHaveLength(3);
    const line = `${id.slice(0, 8)}  -     running .* 1 GiB  python   odd\\\\x1b\\[2J`;
    expect(stdout).toMatch(new RegExp(`^ID .*\\n${line}\\n$`));
    expect((await cli.run(['ps', '--no-trunc'])).stdout).toContain(`\n${id}  -`);
    expect((await cli.run(['ps', '-q'])).stdout).toBe(`${id}\n`);
    expect(await cli.document('ps')).toMatchObject([{ id }]);
  });

  // @promise kernel-names
  it('fits into the width of a terminal, and shows all of it to a program', async () => {
    const name = 'n'.repeat(40);
    await cli.run(['create', '--image', `registry.example/${'team/'.repeat(8)}python:3.13`, '--name', name]);
    const io = cli.io();
    io.stdout.isTerminal = true;
    const lines = (await cli.run(['ps'], io)).stdout.trimEnd().split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBe(80);
    expect(lines.at(-1)).toMatch(/n… .*registry\.ex.*…$/);
    expect((await cli.run(['ps'])).stdout).toMatch(new RegExp(`${name} .*python:3\\.13`));
    const whole = cli.io();
    whole.stdout.isTerminal = true;
    expect((await cli.run(['ps', '--no-trunc'], whole)).stdout).toContain(name);
  });

  // @promise kernel-names
  it('filters by name, label and status', async () => {
    const made = ['create', '--lang', 'python', '--label', 'team=data', '--label', 'spare', '--name', 'web'];
    const web = (await cli.run(made)).stdout.trim();
    const listed = async (...filters: string[]) => {
      const { status, stdout, stderr } = await cli.run(['ps', '-q', ...filters.flatMap((text) => ['-f', text])]);
      return status === 0 ? stdout.trim().split('\n') : stderr;
    };
    expect(await listed('name=we')).toEqual([web]);
    expect(await listed('label=team=data', 'label=spare')).toEqual([web]);
    expect(await listed('label=team=data', 'label=spare=x')).toEqual(['']);
    expect(await listed('status=running')).toEqual([id, web]);
    await cli.run(['rm', id]);
    expect(await listed('status=terminated')).toEqual([id]);
    expect(await listed('status=terminated', 'status=running')).toEqual([web, id]);
    expect(await listed('colour=red')).toMatch(/--filter "colour=red" is not name=TEXT, label=KEY/);
    expect(await listed('status=paused')).toMatch(/"creating"\|"running"/);
  });

  it('says why a kernel has ended', async () => {
    cli.changeKernel(id, {
      phase: 'terminated',
      termination: { reason: 'out-of-memory', exitCode: 137, detail: '', at: 1 },
    });
    expect((await cli.run(['ps', '-a'])).stdout).toContain('terminated (out-of-memory)');
  });
});
