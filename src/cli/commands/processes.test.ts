/** The commands about what runs in a kernel, over the real API and an agent on the dummy engine. */
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import type { RunId } from '../../lib/ids.ts';
import { undescribed } from '../../protocol/run-description.ts';
import type { RunSummary } from '../../protocol/run-event.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

const summary = (run: string, more: Partial<RunSummary>): RunSummary => ({
  ...{ ...undescribed, run: run as RunId, phase: 'running', last: 1, oldest: 1, exitCode: null, reason: null },
  ...more,
});

describe('processes', () => {
  beforeEach(() => {
    const web = { mode: 'command', name: 'web', command: 'serve \u001b[31m', pid: 12, output: 'newest' } as const;
    const list = [
      summary('0123456789abcdef0123456789abcdef', { mode: 'query', context: 'main', startedAt: Date.now() - 61_000 }),
      summary('b', { mode: 'batch', context: 'main', phase: 'queued' }),
      summary('c', { ...web, startedAt: Date.now() }),
      summary('d', { ...web, name: 'old', pid: null, phase: 'finished', exitCode: 3, reason: 'exited' }),
      summary('e', { phase: 'finished', exitCode: -9, reason: 'time-limit' }),
    ];
    cli.agent.listRuns = async () => list;
  });

  it('lists what runs and waits, and with --all what ended', async () => {
    const { stdout } = await cli.run(['processes', id]);
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^RUN +PID +STATE +STARTED +WHAT$/),
      expect.stringMatching(/^0123456789ab +running +1 min.* code in main$/),
      expect.stringMatching(/^b +queued +batch$/),
      expect.stringMatching(/^web +12 +running +.* serve \\x1b\[31m$/),
      '',
    ]);
    const all = await cli.run(['processes', id, '--all']);
    expect(all.stdout).toMatch(/\nold +exited \(3\) +serve/);
    expect(all.stdout).toMatch(/\ne +time-limit \(-9\)\n/);
  });

  it('gives names alone, or everything to programs', async () => {
    const quiet = await cli.run(['processes', '-q', id]);
    expect(quiet.stdout).toBe('0123456789abcdef0123456789abcdef\nb\nweb\n');
    const { stdout } = await cli.run(['processes', id, '--json']);
    expect(JSON.parse(stdout)).toMatchObject([{}, {}, { run: 'c', name: 'web', pid: 12, output: 'newest' }]);
  });
});

describe('a command in the background', () => {
  it('is started, and its name or id printed', async () => {
    const named = await cli.run(['exec', id, '-d', '--name', 'web', '--', 'serve']);
    expect(named).toMatchObject({ status: 0, stdout: 'web\n', stderr: '' });
    const { stdout } = await cli.run(['exec', id, '--detach', '--json', '--', 'serve']);
    expect(JSON.parse(stdout)).toEqual({ run: expect.stringMatching(/^[0-9a-f]{32}$/), name: null });
    expect([...cli.agent.runs.values()].map(({ request }) => request.mode)).toEqual(['command', 'command']);
  });

  it('is attached to: its output, its end, and what is not kept', async () => {
    cli.agent.script = () => [
      [{ kind: 'started' }],
      [{ kind: 'stdout' }, 'one\n'],
      [{ kind: 'dropped', upTo: 1504 }],
      [{ kind: 'stderr' }, 'two\n'],
      [{ kind: 'finished', exitCode: 3, reason: 'exited' }],
    ];
    cli.agent.runs.set('web', {
      ...{
        request: { mode: 'command', argv: ['serve'], timeoutMs: null },
        stdin: [],
        inputs: [],
        signals: [],
        sizes: [],
      },
      ...{ stdinEnded: false, interrupts: 0 },
    });
    const io = cli.io();
    io.stdin.pieces = ['unasked'];
    const shown = await cli.run(['attach', id, 'web'], io);
    expect(shown).toMatchObject({ status: 3, stdout: 'one\n' });
    expect(stripVTControlCharacters(shown.stderr)).toBe(
      'kernelet: 1,500 bytes of output before this was not kept\ntwo\n',
    );
    expect(cli.agent.runs.get('web')).toMatchObject({ stdin: [], stdinEnded: false });
    const later = await cli.run(['attach', id, 'web', '--after', '2']);
    expect(later).toMatchObject({ status: 3, stdout: '' });
    expect(later.stderr).toContain('some output before this was not kept\ntwo\n');
  });

  it('gets standard input when that is asked for, and goes on when the reader leaves', async () => {
    const request = { mode: 'command', argv: ['cat'], timeoutMs: null } as const;
    const fake = { request, stdin: [], inputs: [], signals: [], sizes: [], stdinEnded: false, interrupts: 0 };
    cli.agent.runs.set('web', fake);
    cli.agent.script = async function* (run, signal) {
      yield [{ kind: 'started' }];
      while (!run.stdinEnded) await new Promise((resolve) => setTimeout(resolve, 5));
      io.send('SIGINT');
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    };
    const io = cli.io();
    io.stdin.pieces = ['a', 'b'];
    const { status, stderr } = await cli.run(['attach', id, 'web', '-i'], io);
    expect([status, Buffer.concat(fake.stdin).toString(), fake.signals]).toEqual(['SIGINT', 'ab', []]);
    expect(stderr).toContain(`web goes on; \`kernelet kill ${id} web\` ends it`);
  });

  it('is ended, or gets a signal and nothing more', async () => {
    await cli.run(['exec', id, '-d', '--', 'serve']);
    const [[run, fake] = ['', undefined]] = cli.agent.runs;
    expect((await cli.run(['kill', id, run])).stdout).toBe(`${run}\n`);
    for (const name of ['hup', 'SIGUSR1']) expect((await cli.run(['kill', id, run, '-s', name])).status).toBe(0);
    expect(fake?.signals).toEqual(['SIGTERM', 'only SIGHUP', 'only SIGUSR1']);
    const refused = await cli.run(['kill', id, run, '--signal', '9x']);
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toContain('"9x" is none of HUP, INT');
    expect(await cli.run(['kill', id, 'absent'])).toMatchObject({ status: 125 });
    cli.agent.signal = async () => ({ delivered: false });
    expect((await cli.run(['kill', id, run, '-s', 'INT'])).stderr).toContain('has no process');
  });
});
