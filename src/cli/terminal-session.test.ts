/** Commands on a terminal, over the real API and an agent on the dummy engine; a real terminal: `test/integration/terminals.test.ts`. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CliUnderTest, type MemoryIo } from '../../test/support/cli-under-test.ts';
import type { RunId } from '../lib/ids.ts';
import { undescribed } from '../protocol/run-description.ts';

let cli: CliUnderTest;
let id: string;
let io: MemoryIo;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
  io = cli.io();
  io.stdin.isTerminal = true;
  io.stdin.open = true;
  io.stdout.columns = 100;
  io.stdout.rows = 2000;
  io.environ['TERM'] = 'screen';
});
afterEach(() => cli[Symbol.asyncDispose]());

const begun = () => [...cli.agent.runs.values()][0];
const never = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('a session on a terminal', () => {
  it('asks for a terminal like that of the caller, shows what comes as it is, and ends with the status of the program', async () => {
    cli.agent.script = () => [
      [{ kind: 'started' }],
      [{ kind: 'stdout' }, 'a\x1b[1m'],
      [{ kind: 'dropped', upTo: 9 }],
      [{ kind: 'stdout' }, 'b'],
      [{ kind: 'finished', exitCode: 3, reason: 'exited' }],
    ];
    const outcome = await cli.run(['exec', '-it', id, 'vim', '-u', 'x'], io);
    expect(outcome).toEqual({
      status: 3,
      stdout: 'a\x1b[1m\r\n[kernelet: output before this was not kept]\r\nb',
      stderr: '',
    });
    expect(begun()?.request).toEqual({
      ...{ mode: 'command', argv: ['vim', '-u', 'x'], environ: { TERM: 'screen' } },
      ...{ tty: { columns: 100, rows: 1000 }, timeoutMs: null },
    });
    expect(io.stdin.raws).toEqual({ made: 1, held: 0 });
  });

  it('sends keys as they are, and is left by some of them, whereupon the program goes on', async () => {
    cli.agent.script = async function* (_, signal) {
      yield [{ kind: 'started' }];
      await never(signal);
    };
    io.stdin.pieces = ['\x03\x1a', 'q\x10', '\x11', 'never'];
    const { status, stderr } = await cli.run(['shell', id, '-e', 'TERM=dumb'], io);
    expect(status).toBe(0);
    expect(stderr).toMatch(/detached; `kernelet attach \S+ \S+` comes back\n$/);
    expect(Buffer.concat(begun()?.stdin ?? []).toString()).toBe('\x03\x1aq');
    expect(begun()).toMatchObject({ signals: [], stdinEnded: false, request: { environ: { TERM: 'dumb' } } });
    expect(io.stdin.raws).toEqual({ made: 1, held: 0 });
  });

  it('tells of another size, and after a signal hangs the program up with its own terminal as before', async () => {
    cli.agent.script = async function* (_, signal) {
      yield [{ kind: 'started' }];
      await never(signal);
    };
    const running = cli.run(['exec', '-t', id, '--', 'top'], io);
    await vi.waitFor(() => expect(io.listens('SIGWINCH')).toBe(true));
    io.stdout.rows = 40;
    io.send('SIGWINCH');
    await vi.waitFor(() => expect(begun()?.sizes).toEqual(['100x40']));
    io.send('SIGTERM');
    expect((await running).status).toBe('SIGTERM');
    expect(begun()?.signals).toEqual(['SIGHUP']);
    expect(io.stdin.raws).toEqual({ made: 1, held: 0 });
  });

  it('comes back to a program on a terminal with its own size, and leaves it to others when it ends', async () => {
    await cli.run(['exec', id, '-dt', '--name', 'kept', '--', 'top'], io);
    expect(begun()?.request).toMatchObject({ output: 'newest', stdin: 'stream', tty: { columns: 100 } });
    const [run = ''] = cli.agent.runs.keys();
    cli.agent.listRuns = async () => [
      {
        ...undescribed,
        run: run as RunId,
        phase: 'running',
        last: 2,
        oldest: 1,
        exitCode: null,
        reason: null,
        tty: true,
      },
    ];
    cli.agent.script = async function* (_, signal) {
      yield [{ kind: 'started' }];
      yield [{ kind: 'stdout' }, 'again'];
      await never(signal);
    };
    const back = cli.io();
    back.stdin.isTerminal = true;
    back.stdin.pieces = ['\x1d'];
    const { status, stdout } = await cli.run(['attach', id, run, '--detach-keys', 'ctrl-]'], back);
    expect(status).toBe(0);
    expect('again').toContain(stdout);
    expect(back.stdin.raws).toEqual({ made: 1, held: 0 });
    expect(begun()?.signals).toEqual([]);
  });

  it.each([[['exec', '-it', 'ID', 'sh']], [['shell', 'ID']], [['run', '-it', '-c', '1']]])(
    '%j is refused where nobody can type, and begins nothing',
    async (args) => {
      io.stdin.isTerminal = false;
      const { status, stderr } = await cli.run(
        args.map((word) => (word === 'ID' ? id : word)),
        io,
      );
      expect([status, stderr]).toEqual([2, expect.stringContaining('standard input is none')]);
      expect(cli.agent.runs.size).toBe(0);
    },
  );
});
