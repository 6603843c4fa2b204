import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../test/support/cli-under-test.ts';
import { commandTable } from './commands/index.ts';

let cli: CliUnderTest;
beforeAll(async () => {
  cli = await CliUnderTest.started();
});
afterAll(() => cli[Symbol.asyncDispose]());

describe('help', () => {
  it('of the program lists every command in the order of the table, and groups once', async () => {
    const { status, stdout, stderr } = await cli.run(['--help']);
    expect([status, stderr]).toEqual([0, '']);
    const list = stdout.slice(stdout.indexOf('Commands:'), stdout.indexOf('Start here:'));
    const words = list
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(' ')[0] ?? '')
      .filter(Boolean);
    expect(words).toEqual([...new Set(commandTable.map(({ name }) => name.split(' ')[0]))]);
  });

  it.each(commandTable.map(({ name }) => name))('of %s teaches: usage, options, an example', async (name) => {
    const { status, stdout } = await cli.run([...name.split(' '), '--help']);
    expect(status).toBe(0);
    expect(stdout).toContain(`Usage: kernelet ${name} [options]`);
    expect(stdout).toContain('--json');
    expect(stdout).toContain(`Examples:\n  # `);
    expect(stdout).toContain(`kernelet ${name}`);
  });

  it('is also what `help` shows, for the program, a command and a group', async () => {
    for (const words of [[], ['run'], ['image'], ['image', 'rm']]) {
      expect(await cli.run(['help', ...words])).toEqual(await cli.run([...words, '--help']));
    }
    expect((await cli.run(['image', '--help'])).stdout).toContain('Usage: kernelet image [options] [command]');
  });

  it('goes to standard error with status 2 when no command is named; with --json as an error', async () => {
    for (const words of [[], ['image']]) {
      const { status, stdout, stderr } = await cli.run(words);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toContain('Commands:');
    }
    const { status, stdout } = await cli.run(['--json']);
    expect([status, JSON.parse(stdout)]).toMatchObject([2, { error: { code: 'INVALID_ARGUMENT' } }]);
  });

  it('is wrapped for the width of the terminal, examples apart', async () => {
    for (const columns of [80, 110]) {
      const io = cli.io();
      io.stdout.columns = columns;
      const { stdout } = await cli.run(['create', '--help'], io);
      const [text = ''] = stdout.split('\nExamples:');
      const widest = Math.max(...text.split('\n').map((line) => line.length));
      expect([widest <= columns, widest > columns - 15]).toEqual([true, true]);
    }
  });

  it('the version is a result', async () => {
    expect(await cli.run(['--version'])).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
  });
});

describe('a command line that is wrong', () => {
  it.each<readonly [string[], RegExp, string]>([
    [['bogus'], /^kernelet: unknown command 'bogus'/, 'kernelet --help'],
    [['rn'], /Did you mean one of rm, run\?/, 'kernelet --help'],
    [['--bogus'], /unknown option '--bogus'/, 'kernelet --help'],
    [['image', 'bogus'], /unknown command 'bogus'/, 'kernelet image --help'],
    [['image', 'biuld', 'x'], /Did you mean build\?/, 'kernelet image --help'],
    [['image', 'rm'], /missing required argument/, 'kernelet image rm --help'],
    [['ps', '--bogus'], /unknown option/, 'kernelet ps --help'],
    [['events', 'extra'], /too many arguments/, 'kernelet events --help'],
    [['inspect'], /missing required argument 'id'/, 'kernelet inspect --help'],
    [['run', '--pull', 'sometimes', '-c', '1'], /Allowed choices are never, missing, always/, 'kernelet run --help'],
    [['run', '--timeout', '5', '-c', '1'], /--timeout "5" is not a duration/, 'kernelet run --help'],
    [['--socket', 'x', 'run'], /nothing to run/, 'kernelet run --help'],
    [['exec', '3f', '--bogus', '-c', '1'], /unknown option '--bogus'/, 'kernelet exec --help'],
  ])('%j has status 2, one sentence and the help that explains it', async (args, message, help) => {
    const { status, stdout, stderr } = await cli.run(args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).toContain(`\n\`${help}\` shows how.\n`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(2);
  });

  it('says so in a document with --json, wherever that stands', async () => {
    for (const args of [
      ['--json', 'events', 'extra'],
      ['events', 'extra', '--json'],
    ]) {
      const { status, stdout } = await cli.run(args);
      expect([status, JSON.parse(stdout)]).toMatchObject([2, { error: { code: 'INVALID_ARGUMENT' } }]);
    }
  });

  it('but an option behind the program belongs to the program', async () => {
    cli.agent.creations.length = 0;
    const io = cli.io();
    expect((await cli.run(['run', '-c', '1', '--json', '--', '-x'], io)).status).toBe(0);
    const runs = [...cli.agent.runs.values()];
    expect(runs.at(-1)?.request).toMatchObject({ mode: 'program', args: ['-x'] });
  });
});

describe('a habit from elsewhere', () => {
  // @promise habits
  it('is understood where it means a command here', async () => {
    expect(await cli.run(['version'])).toEqual(await cli.run(['--version']));
    expect(await cli.run(['list', '--json'])).toEqual(await cli.run(['ps', '--json']));
    expect(await cli.run(['images'])).toEqual(await cli.run(['image', 'ls']));
    expect(await cli.run(['help', 'images'])).toEqual(await cli.run(['image', 'ls', '--help']));
  });

  // @promise habits
  it.each<readonly [string[], RegExp]>([
    [['stop', '3f'], /^kernelet: unknown command 'stop'\n`kernelet rm ID` ends a kernel/],
    [['--json', 'pull', 'x'], /`kernelet image pull REFERENCE` pulls/],
    [['ps', '3f'], /`kernelet processes ID` lists what runs in a kernel/],
    [['exec', '3f', 'bash'], /"bash" does not exist\n.*`kernelet exec 3f -- bash`/],
    [['exec', '3f', 'ls', '-l'], /no arguments for the code\n.*`kernelet exec 3f -- ls -l`/],
  ])('is answered with the right command: %j', async (args, answer) => {
    const { status, stderr } = await cli.run(args);
    expect([status, stderr]).toEqual([2, expect.stringMatching(answer)]);
  });
});

it('a closed standard output is status 141 without a word', async () => {
  const io = cli.io();
  io.stdout.failure = Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
  expect(await cli.run(['ps'], io)).toEqual({ status: 141, stdout: '', stderr: '' });
});
