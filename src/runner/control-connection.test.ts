import type { Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { shownValue } from '../../test/support/shown-value.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { AgentFrameHeader } from '../protocol/agent-frames.ts';
import { encodeFrame, FrameDecoder } from '../protocol/frame.ts';
import { ControlConnection, requestHandler } from './control-connection.ts';
import { FrameSocket } from './frame-socket.ts';
import type { Run, RunControl } from './run.ts';
import { Runs } from './runs.ts';

const run = 'r' as RunId;
const nothing = new Uint8Array(0);
type Request = Extract<AgentFrameHeader, { t: 'request' }>;

function setUp(control: Partial<RunControl> = {}) {
  const told: string[] = [];
  const runs = new Runs({
    limitBytes: 1000,
    keepMs: 1000,
    clock: new FakeClock(),
    observer: { eventsAdded() {}, phaseChanged() {} },
    assertContext() {},
    execute(begun: Run) {
      begun.begin({
        interrupt: () => true,
        cancel() {},
        signal: () => true,
        resize: () => false,
        ask: () => ({ [Symbol.dispose]() {} }),
        input: () => false,
        stdin: async () => true,
        ...control,
      });
      return new Promise(() => {});
    },
  });
  const handle = requestHandler({
    runs,
    status: () => 'the status',
    contexts: () => {
      throw new KerneletError('NOT_SUPPORTED', 'none');
    },
    services: () => null,
    listeningPorts: async () => 'ports',
    workOnFiles: async ({ params: { ...params } }) => params,
    shutDown: (graceMs) => void told.push(`shut down ${graceMs}`),
  });
  const ask = (method: string, params: unknown, body = nothing) =>
    handle({ t: 'request', id: 1, method, params } as Request, body);
  runs.execute(run, { mode: 'query', code: 'x', timeoutMs: null });
  return { runs, ask, told };
}

describe('requests', () => {
  it('reach the run that they name, or the query or batch run that runs', async () => {
    const { runs, ask } = setUp();
    expect(await ask('interrupt', { run: null })).toEqual({ interrupted: false });
    runs.release();
    expect(await ask('interrupt', { run: null })).toEqual({ interrupted: true });
    const beside = 'beside' as RunId;
    runs.execute(beside, { mode: 'command', argv: ['sleep'], timeoutMs: null });
    runs.get(run).finish(0, 'exited');
    expect(await ask('interrupt', { run: null })).toEqual({ interrupted: false });
    expect(await ask('interrupt', { run: beside })).toEqual({ interrupted: true });
    await expect(ask('interrupt', { run: 'other' })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('that answer nobody are refused', async () => {
    const { runs, ask } = setUp();
    runs.release();
    await expect(ask('input', { run, text: 'x' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(ask('upload', {})).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('with input wait until the run begins, and no more of it than is bounded', async () => {
    const { runs, ask } = setUp();
    const piece = new Uint8Array(1024 * 1024);
    const waiting = Array.from({ length: 4 }, () => ask('stdin', { run, eof: false }, piece));
    await expect(ask('stdin', { run, eof: false }, piece)).rejects.toMatchObject({ code: 'OVERLOADED' });
    runs.release();
    expect(await Promise.all(waiting)).toEqual(Array(4).fill({ open: true }));
    expect(await ask('stdin', { run, eof: true }, piece)).toEqual({ open: true });
  });

  it('for the end are answered before it', async () => {
    const { ask, told } = setUp();
    expect(await ask('shutdown', { graceMs: 5 })).toBeNull();
    expect(told).toEqual(['shut down 5']);
  });
});

const number = shownValue({ 'text/plain': '42' });
const picture = shownValue({ 'text/plain': 'a picture', 'image/png': 'PNG' });

/** What an agent of this generation is told of a run: each event's number, header and bytes. */
async function toldTo(generation: number): Promise<readonly unknown[]> {
  const { runs } = setUp();
  runs.release();
  const [ours, theirs] = duplexPair();
  // A connection of the system's has nothing more that this one needs.
  const connection = new ControlConnection({
    socket: new FrameSocket(ours as Socket),
    protocol: generation,
    runs,
    handle: async () => null,
  });
  const told: unknown[] = [];
  const decoder = new FrameDecoder();
  theirs.on('data', (chunk: Buffer) => {
    for (const { header, body } of decoder.push(chunk)) {
      const { n, event } = header as { n: number; event: unknown };
      told.push([n, event, Buffer.from(body).toString()]);
    }
  });
  for (const piece of encodeFrame({ t: 'attach', run, after: 0 })) theirs.write(piece);
  const begun = runs.get(run);
  for (const [event, content] of [number, picture]) begun.emit(event, Buffer.from(content));
  begun.emit({ kind: 'error', name: 'ValueError', message: 'no' }, Buffer.from('Traceback\n'));
  begun.finish(1, 'exited');
  connection.pump(begun);
  await expect.poll(() => told.length).toBe(5);
  return told;
}

describe('values and errors', () => {
  const finished = [5, { kind: 'finished', exitCode: 1, reason: 'exited' }, ''];

  // @promise whole-values
  it('are told to an agent with all that there is', async () => {
    expect(await toldTo(4)).toEqual([
      [1, { kind: 'started' }, ''],
      [2, ...number],
      [3, ...picture],
      [4, { kind: 'error', name: 'ValueError', message: 'no' }, 'Traceback\n'],
      finished,
    ]);
  });

  // @promise runner-generations
  it('are told to an agent of an older generation as it knows them, by the same numbers', async () => {
    expect(await toldTo(3)).toEqual([
      [1, { kind: 'started' }, ''],
      [2, { kind: 'stdout' }, '42\n'],
      [3, { kind: 'media', type: 'image/png' }, 'PNG'],
      [4, { kind: 'stderr' }, 'Traceback\n'],
      finished,
    ]);
  });
});
