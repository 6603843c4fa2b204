import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import { leapingClock } from '../../../test/support/leaping-clock.ts';
import { systemClock } from '../../lib/clock.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

const runs = () => [...cli.agent.runs.values()];

describe('exec', () => {
  it.each<readonly [args: string[], object]>([
    [['-c', 'x'], { mode: 'query', code: 'x', timeoutMs: null }],
    [['cell.py'], { mode: 'query', code: 'y = 1\n', timeoutMs: null }],
    [['-'], { mode: 'query', code: 'größe', timeoutMs: null }],
    [
      ['--timeout', '1m', '--', 'ls', '--timeout', '-l', '--'],
      { mode: 'command', argv: ['ls', '--timeout', '-l', '--'], timeoutMs: 60_000 },
    ],
    [
      ['--name', 'web', '-w', 'data', '-e', 'A=b=c', '--', 'ls'],
      { mode: 'command', argv: ['ls'], name: 'web', cwd: 'data', environ: { A: 'b=c' }, timeoutMs: null },
    ],
    [['-d', '--', 'ls'], { mode: 'command', argv: ['ls'], output: 'newest', stdin: 'closed', timeoutMs: null }],
    [['-d', '-i', '--', 'ls'], { mode: 'command', argv: ['ls'], output: 'newest', stdin: 'stream', timeoutMs: null }],
    [
      ['--batch', '--build', '*', '--exec', './m'],
      { mode: 'batch', clean: null, build: '*', exec: './m', timeoutMs: null },
    ],
  ])('%j asks for what it says', async (args, request) => {
    await writeFile(join(cli.folder, 'cell.py'), 'y = 1\n');
    const io = cli.io();
    io.stdin.pieces = ['grö', 'ße'];
    expect((await cli.run(['exec', id.slice(0, 6), ...args], io)).status).toBe(0);
    expect(runs().map((run) => run.request)).toEqual([request]);
  });

  it.each<readonly [args: string[], RegExp]>([
    [[], /nothing to run: give FILE, -c CODE, - or -- CMD/],
    [['--'], /no command behind --/],
    [['-c', 'x', '--', 'ls'], /give -c CODE or -- CMD, not both/],
    [['-c', 'x', 'file'], /takes no arguments for the code\nFor a command of the image: `kernelet exec .* -- file`/],
    [['a', 'b'], /takes no arguments/],
    [['absent'], /"absent" does not exist/],
    [['--batch'], /--batch needs --exec or --build/],
    [['--batch', '--exec', 'x', 'file'], /--batch takes no FILE/],
    [['--exec', 'x'], /--clean, --build and --exec go with --batch/],
    [['-c', 'x', '--timeout', '0'], /--timeout "0"/],
    [['-d', '-c', 'x'], /--detach goes with -- CMD/],
    [['-c', 'x', '--name', 'a'], /--name goes with -- CMD/],
    [['-c', 'x', '-e', 'A=b'], /--env goes with -- CMD/],
    [['-w', 'data', 'file.py'], /--workdir goes with -- CMD/],
    [['--tty', '--'], /no command behind --/],
    [['-t', '-c', 'x'], /give -c CODE or -- CMD, not both/],
    [['-t', '--detach-keys', 'ctrl', '--', 'ls'], /"ctrl" is neither/],
  ])('%j is refused, and nothing runs', async (args, message) => {
    const { status, stderr } = await cli.run(['exec', id, ...args]);
    expect([status, runs()]).toEqual([2, []]);
    expect(stderr).toMatch(message);
  });

  it.each<readonly [args: string[]]>([[['--', 'cat', '/proc/1/environ']], [['--timeout', '1s', '--', 'ls']], [['--']]])(
    '%j names no kernel',
    async (args) => {
      const { status, stderr } = await cli.run(['exec', ...args]);
      expect([status, runs()]).toEqual([2, []]);
      expect(stderr).toBe('kernelet: which kernel: give its id before the --\n`kernelet ps` lists the kernels.\n');
    },
  );

  it.each<readonly [id: string, status: number, RegExp]>([
    ['', 2, /"" is not a kernel id, the beginning of one, or a name/],
    ['zz', 125, /no kernel zz\n/],
    ['../x', 2, /"..\/x" is not a kernel id/],
    ['ffffffff-ffff', 125, /no kernel ffffffff-ffff\n/],
  ])('the kernel %j is refused', async (name, status, message) => {
    const outcome = await cli.run(['exec', name, '-c', '1']);
    expect(outcome.status).toBe(status);
    expect(outcome.stderr).toMatch(message);
  });

  it('refuses an ambiguous beginning of ids', async () => {
    for (const last of ['1', '2']) {
      await cli.run(['create', '--lang', 'python', '--id', `aaaaaaaa-0000-4000-8000-00000000000${last}`]);
    }
    const { status, stderr } = await cli.run(['exec', 'AAAAaaaa', '-c', '1']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/2 kernels begin with aaaaaaaa.*\nGive more characters of the id, or the name\.\n/);
  });

  it('refuses code that is too large before it is sent', async () => {
    await writeFile(join(cli.folder, 'large.py'), 'x'.repeat(500_000));
    const { status, stderr } = await cli.run(['exec', id, 'large.py']);
    expect([status, runs()]).toEqual([2, []]);
    expect(stderr).toMatch(/the code has 500000 bytes/);
  });

  it.each<readonly [('SIGINT' | 'SIGTERM')[], string[], object]>([
    [['SIGTERM'], ['-c', '1'], { interrupts: 1, signals: [] }],
    [['SIGTERM'], ['--', 'sleep'], { interrupts: 0, signals: ['SIGKILL'] }],
    [['SIGINT', 'SIGINT'], ['-c', '1'], { interrupts: 1, signals: ['SIGKILL'] }],
  ])('after %j, %j leaves nothing running, and the kernel stays', async (signals, args, left) => {
    const io = cli.io();
    cli.agent.script = async function* (fake, signal) {
      yield [{ kind: 'started' }];
      for (const name of signals) {
        io.send(name);
        if (name === 'SIGINT') while (fake.interrupts === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    expect((await cli.run(['exec', id, ...args], io)).status).toBe(signals[0]);
    expect(runs()).toMatchObject([left]);
    expect(cli.agent.kernels.has(id)).toBe(true);
  });

  it.each<readonly [('SIGINT' | 'SIGTERM')[]]>([[['SIGTERM']], [['SIGINT', 'SIGINT']], [['SIGINT']]])(
    'after %j it ends though the kernel answers nothing',
    async (signals) => {
      const io = cli.io();
      io.clock = { ...systemClock, after: (delayMs, callback) => systemClock.after(delayMs / 20, callback) };
      const silence = (signal: AbortSignal): Promise<never> =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      cli.agent.interrupt = (_id, _run, signal) => silence(signal);
      cli.agent.cancel = (_id, _run, _kill, signal) => silence(signal);
      cli.agent.script = async function* (_fake, signal) {
        yield [{ kind: 'started' }];
        for (const name of signals) io.send(name);
        await silence(signal);
      };
      expect((await cli.run(['exec', id, '-c', '1'], io)).status).toBe(signals[0]);
    },
  );

  it('without a daemon fails: it has no kernels of its own', async () => {
    await cli.stopDaemon();
    const io = cli.io();
    io.clock = leapingClock();
    const { status, stderr } = await cli.run(['exec', id, '-c', '1'], io);
    expect(status).toBe(125);
    expect(stderr).toBe(`kernelet: no daemon answers on ${cli.socket}\nStart one with \`kernelet serve\`.\n`);
  });
});
