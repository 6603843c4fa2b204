import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { FakeAgent, type PlantedEvent, type PlantedRun } from '../../test/support/fake-agent.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { shownValue } from '../../test/support/shown-value.ts';
import { createApp } from '../http/app.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import { silentLogger } from '../lib/log.ts';
import type { ExecuteRequest } from '../protocol/execute-request.ts';
import { ApiClient } from './api-client.ts';
import { RunSession } from './run-session.ts';
import { Screen } from './screen.ts';
import { LocalTransport } from './transport.ts';

const query: ExecuteRequest = { mode: 'query', code: '1', timeoutMs: 2_000 };
const command: ExecuteRequest = { mode: 'command', argv: ['cat'], timeoutMs: null };
const end = (
  exitCode = 0,
  reason: 'exited' | 'memory-limit' | 'kernel-ended' | 'time-limit' = 'exited',
): PlantedEvent => [{ kind: 'finished', exitCode, reason }];

const table = shownValue(
  { 'text/html': '<p>', 'text/plain': 'a b', 'image/png': 'PNG' },
  { omitted: [{ type: 'application/pdf', bytes: 5_000_000 }] },
);

let agent: FakeAgent;
let io: MemoryIo;
let kernel: string;
let client: ApiClient;
let run: PlantedRun | undefined;
beforeEach(async () => {
  agent = await FakeAgent.start();
  io = new MemoryIo();
  const app = createApp({ agent, version: '0', logger: silentLogger });
  const fetch = async (request: Request, leaving: AbortSignal | undefined) => await app.fetch(request, { leaving });
  client = new ApiClient(new LocalTransport({ fetch, async [Symbol.asyncDispose]() {} }));
  kernel = (await client.create({ language: 'python' }, () => {}, new AbortController().signal)).id;
});
afterEach(() => agent[Symbol.asyncDispose]());

/** Shows a run that says this; its exit status. */
function show(
  script: FakeAgent['script'],
  options: { request?: ExecuteRequest; json?: boolean; saveMedia?: string; signal?: AbortSignal } = {},
): Promise<number> {
  agent.script = (fake, signal) => {
    run = fake;
    return script(fake, signal);
  };
  return new RunSession({
    client,
    screen: new Screen(io, options.json ?? false),
    kernel,
    request: options.request ?? query,
    saveMedia: options.saveMedia,
    memoryBytes: null,
    signal: options.signal ?? new AbortController().signal,
  }).show();
}

/** Waits until something is so that the script itself cannot see by an event. */
const until = async (so: () => boolean): Promise<void> => {
  while (!so()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe('a run that is shown', () => {
  it('has its output on its own descriptors, byte by byte, and its own exit status', async () => {
    const bytes = Buffer.from([0xff, 0, 10]);
    expect(
      await show(() => [[{ kind: 'started' }], [{ kind: 'stdout' }, bytes], [{ kind: 'stderr' }, 'e\n'], end(3)]),
    ).toBe(3);
    expect(Buffer.concat(io.stdout.chunks)).toEqual(bytes);
    expect(io.stderr.text).toBe('e\n');
  });

  it('is one document a line with --json, the last with the exit status', async () => {
    const error = { kind: 'error', name: 'ValueError', message: 'no' } as const;
    await show(() => [[{ kind: 'stdout' }, 'a\nb'], table, [error, 'Traceback\n'], end(-15)], { json: true });
    expect(
      io.stdout.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { n: 1, kind: 'stdout', text: 'a\nb' },
      {
        n: 2,
        kind: 'display',
        role: 'result',
        forms: [
          { type: 'text/html', text: '<p>' },
          { type: 'text/plain', text: 'a b' },
          { type: 'image/png', base64: 'UE5H' },
        ],
        omitted: [{ type: 'application/pdf', bytes: 5_000_000 }],
      },
      { n: 3, ...error, traceback: 'Traceback\n' },
      { n: 4, kind: 'finished', exitCode: -15, reason: 'exited', status: 143 },
    ]);
    expect(io.stderr.text).toBe('');
  });

  it('says which limit struck, and asks the kernel for the size when it is not known', async () => {
    expect(await show(() => [end(-9, 'time-limit')])).toBe(137);
    expect(io.stderr.text).toBe('kernelet: the program was killed at its time limit of 2s\n');
    expect(await show(() => [end(-9, 'memory-limit')])).toBe(137);
    expect(io.stderr.text).toContain('the program was killed at its memory limit of 1g\n');
  });

  it('of a kernel that ended says why; the memory limit counts as one', async () => {
    const view = await agent.inspect(kernel);
    const ended = (reason: 'out-of-memory' | 'force-terminated', detail: string): void => {
      agent.inspect = async () => ({ ...view, termination: { reason, exitCode: 137, detail, at: 1 } });
    };
    ended('force-terminated', 'it was removed by force');
    expect(await show(() => [end(-1, 'kernel-ended')])).toBe(125);
    expect(io.stderr.text).toMatch(/the kernel ended while the program was running: it was removed by force\n$/);
    ended('out-of-memory', 'x');
    expect(await show(() => [end(-1, 'kernel-ended')])).toBe(137);
    expect(io.stderr.text).toMatch(/memory limit of 1g\n$/);
  });

  it('that waits says behind what on a terminal, after a while, and is taken back by an interrupt', async () => {
    const clock = new FakeClock();
    io.clock = clock;
    io.stderr.isTerminal = true;
    let session: RunSession | undefined;
    agent.script = async function* (fake) {
      yield [{ kind: 'queued', behind: 'first' as RunId }];
      await until(() => clock.pending > 0);
      await clock.advance(499);
      expect(io.stderr.text).toBe('');
      await clock.advance(1);
      expect(stripVTControlCharacters(io.stderr.text)).toContain('kernelet: waiting behind run first;');
      expect(await session?.interrupt()).toBe(true);
      expect(fake.signals).toEqual(['SIGINT']);
      yield [{ kind: 'finished', exitCode: -2, reason: 'cancelled' }];
    };
    const { signal } = new AbortController();
    const screen = new Screen(io, false);
    session = new RunSession({
      client,
      screen,
      kernel,
      request: query,
      saveMedia: undefined,
      memoryBytes: null,
      signal,
    });
    expect(await session.show()).toBe(130);
  });

  it('says nothing of a wait that is short, or where nobody looks', async () => {
    const clock = new FakeClock();
    io.clock = clock;
    const waits: FakeAgent['script'] = async function* () {
      yield [{ kind: 'queued', behind: 'first' as RunId }];
      await until(() => clock.pending > 0);
      yield [{ kind: 'started' }];
      await until(() => clock.pending === 0);
      yield end();
    };
    io.stderr.isTerminal = true;
    await show(waits);
    io.stderr.isTerminal = false;
    await show(async function* () {
      yield [{ kind: 'queued', behind: 'first' as RunId }];
      await until(() => clock.pending > 0);
      await clock.advance(500);
      yield end();
    });
    expect(io.stderr.text).toBe('');
  });

  it('has the text of its values on standard output, a note of their other forms, and its traceback', async () => {
    const error = { kind: 'error', name: 'ValueError', message: 'no' } as const;
    expect(await show(() => [table, [error, 'Traceback\n'], end(1)])).toBe(1);
    expect(io.stdout.text).toBe('a b\n');
    expect(io.stderr.text).toBe(
      '[application/pdf, 5,000,000 bytes: too large to be shown; save it to a file]\n' +
        '[text/html, 3 bytes, image/png, 3 bytes; use --save-media DIR]\nTraceback\n',
    );
  });

  // @promise whole-values
  it.each([false, true])('saves every form of its values but the text, with --json %s', async (json) => {
    const folder = await mkdtemp(join(tmpdir(), 'kernelet-session-'));
    await show(() => [table, end()], { saveMedia: folder, json });
    expect(await readFile(join(folder, 'media-001.html'), 'utf8')).toBe('<p>');
    expect(await readFile(join(folder, 'media-002.png'), 'utf8')).toBe('PNG');
    expect(await readdir(folder)).toHaveLength(2);
    await rm(folder, { recursive: true });
  });

  it('rejects with what the API says', async () => {
    const failing = show(() => {
      throw new KerneletError('KERNEL_DIED', 'it died');
    });
    await expect(failing).rejects.toMatchObject({ code: 'KERNEL_DIED' });
  });

  it('rejects with the reason of its signal', async () => {
    const leaving = new AbortController();
    const silent = show(
      async function* (_run, signal) {
        yield [{ kind: 'started' }];
        leaving.abort(new Error('enough'));
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      { signal: leaving.signal },
    );
    await expect(silent).rejects.toThrow('enough');
  });
});

describe('a program that reads', () => {
  it('gets standard input to its end when it is a program or command', async () => {
    io.stdin.pieces = ['a', 'b'];
    await show(
      async function* (fake) {
        await until(() => fake.stdinEnded);
        yield end();
      },
      { request: command },
    );
    expect(Buffer.concat(run?.stdin ?? []).toString()).toBe('ab');
  });

  it('that ends first does not wait for standard input', async () => {
    io.stdin.open = true;
    expect(await show(() => [end(4)], { request: command })).toBe(4);
  });

  it('gets a line for each question, a password without echo', async () => {
    io.stdin.pieces = ['Ada\nse', 'cret\n'];
    await show(async function* (fake) {
      yield [{ kind: 'waiting-input', prompt: 'name? ', password: false }];
      await until(() => fake.inputs.length === 1);
      yield [{ kind: 'waiting-input', prompt: 'password: ', password: true }];
      await until(() => fake.inputs.length === 2);
      yield end();
    });
    expect(run?.inputs).toEqual(['Ada', 'secret']);
    expect(io.stdout.text).toBe('name? password: ');
    expect(io.stdin.silenced).toBe(0);
  });

  it('is told each time that it asks when the input has ended', async () => {
    io.stdin.pieces = ['last'];
    const question: PlantedEvent = [{ kind: 'waiting-input', prompt: '', password: false }];
    await show(async function* (fake) {
      for (const asked of [1, 2, 3]) {
        yield question;
        await until(() => fake.inputs.length === asked);
      }
      yield end(1);
    });
    expect(run).toMatchObject({ inputs: ['last', null, null], interrupts: 0 });
    expect(io.stderr.text).toBe('');
  });

  // @promise runner-generations
  it('is interrupted when its runner is too old to tell it that the input has ended', async () => {
    agent.input = () => Promise.reject(new KerneletError('NOT_SUPPORTED', 'made by an older kernelet'));
    await show(async function* (fake) {
      yield [{ kind: 'waiting-input', prompt: '', password: false }];
      await until(() => fake.interrupts === 1);
      yield end(130);
    });
    expect(io.stderr.text).toContain('the answer did not arrive: made by an older kernelet');
  });
});

describe('a run whose output goes nowhere', () => {
  const closed = Object.assign(new Error('EPIPE'), { code: 'EPIPE' });
  const full = new KerneletError('FILE_ERROR', 'cannot write to standard output: ENOSPC');

  /** Prints until it is told to stop. */
  const endless: FakeAgent['script'] = async function* (fake) {
    yield [{ kind: 'stdout' }, 'x'];
    await until(() => fake.interrupts > 0 || fake.signals.length > 0);
    yield [{ kind: 'stdout' }, 'y'];
    yield end(130);
  };

  it('is killed, or interrupted where the state is to stay, and the status is that of SIGPIPE', async () => {
    io.stdout.failure = closed;
    expect(await show(endless, { request: command })).toBe(141);
    expect(run?.signals).toEqual(['SIGKILL']);
    expect(await show(endless)).toBe(141);
    expect(run).toMatchObject({ interrupts: 1, signals: [] });
  });

  it('is stopped as well when the disk is full, and that is the error', async () => {
    io.stdout.failure = full;
    await expect(show(endless)).rejects.toBe(full);
    expect(run?.interrupts).toBe(1);
  });
});
