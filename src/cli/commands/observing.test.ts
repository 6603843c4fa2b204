/** `events` and `logs`: streams of the daemon on standard output. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';
import type { NumberedKernelEvent } from '../../events/kernel-event.ts';
import { KerneletError } from '../../lib/errors.ts';
import { parseKernelId, parseSessionId } from '../../lib/ids.ts';

let cli: CliUnderTest;
let id: string;
beforeEach(async () => {
  cli = await CliUnderTest.started();
  id = await cli.kernel();
});
afterEach(() => cli[Symbol.asyncDispose]());

const happened = (sequence: number, detail = ''): NumberedKernelEvent => ({
  sequence,
  at: sequence,
  event: {
    type: 'kernel-terminated',
    kernelId: parseKernelId(id),
    sessionId: parseSessionId(id),
    reason: 'user-requested',
    exitCode: null,
    detail,
  },
});

describe('events', () => {
  it('are a line each, and nothing in them can move the cursor', async () => {
    cli.agent.kernelHistory = [happened(1, 'a\u001B[2J\nb')];
    expect(await cli.run(['events'])).toEqual({
      status: 0,
      stdout: `1970-01-01T00:00:00.001Z  1  ${id}  kernel-terminated  reason=user-requested  detail=a\\x1b[2J\\nb\n`,
      stderr: '',
    });
  });

  it('are a document each with --json, behind the one that is named', async () => {
    cli.agent.kernelHistory = [1, 2, 3].map((sequence) => happened(sequence));
    const numbers = async (...args: string[]): Promise<number[]> =>
      (await cli.run(['events', '--json', ...args])).stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => (JSON.parse(line) as NumberedKernelEvent).sequence);
    expect(await numbers()).toEqual([1, 2, 3]);
    expect(await numbers('--after', '0')).toEqual([1, 2, 3]);
    expect(await numbers('--after', '2')).toEqual([3]);
    expect((await cli.run(['events', '--after', '1.5'])).status).toBe(2);
  });

  it('go on through a restart of the daemon, each once, until Ctrl-C', async () => {
    cli.agent.kernelHistory = [happened(1), happened(2)];
    const io = cli.io();
    const outcome = cli.run(['events', '--follow'], io);
    const lines = (): number => io.stdout.text.split('\n').length - 1;
    await expect.poll(lines).toBe(2);
    await cli.stopDaemon();
    cli.agent.kernelHistory = [happened(1), happened(2), happened(3)];
    await new Promise((resolve) => setTimeout(resolve, 200));
    await cli.startDaemon();
    await expect.poll(lines).toBe(3);
    io.send('SIGINT');
    expect(await outcome).toMatchObject({ status: 'SIGINT', stderr: '' });
    expect(lines()).toBe(3);
  });
});

describe('logs', () => {
  const half = Buffer.from('ö').subarray(0, 1);

  it('go to their own descriptors, byte by byte', async () => {
    cli.agent.logPieces = [
      { stream: 'stdout', data: half },
      { stream: 'stderr', data: Buffer.from('e') },
    ];
    const io = cli.io();
    expect((await cli.run(['logs', id], io)).status).toBe(0);
    expect([Buffer.concat(io.stdout.chunks), io.stderr.text]).toEqual([half, 'e']);
  });

  it('lose nothing with --json', async () => {
    cli.agent.logPieces = [
      { stream: 'stdout', data: half },
      { stream: 'stderr', data: Buffer.from('größe') },
    ];
    expect((await cli.run(['logs', id, '--json'])).stdout).toBe(
      '{"stream":"stdout","base64":"ww=="}\n{"stream":"stderr","text":"größe"}\n',
    );
  });

  it('that are cut off by the end of the daemon are an error, not an end', async () => {
    const io = cli.io();
    cli.agent.logs = async function* () {
      yield { stream: 'stdout', data: Buffer.from('x') };
      await new Promise(() => {});
    };
    const outcome = cli.run(['logs', '-f', id], io);
    await expect.poll(() => io.stdout.text).toBe('x');
    await cli.stopDaemon();
    expect(await outcome).toEqual({
      status: 125,
      stdout: 'x',
      stderr: 'kernelet: the daemon is stopping\nTry again when it is back.\n',
    });
  });

  it('end with the error that the API reports in the middle', async () => {
    cli.agent.logs = async function* () {
      yield { stream: 'stdout', data: Buffer.from('x') };
      throw new KerneletError('ENGINE_UNAVAILABLE', 'it is away');
    };
    expect(await cli.run(['logs', id])).toMatchObject({ status: 125, stdout: 'x' });
  });
});
