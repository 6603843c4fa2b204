import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { KerneletError } from '../lib/errors.ts';
import type { RunId } from '../lib/ids.ts';
import type { AgentFrameHeader } from '../protocol/agent-frames.ts';
import { requestHandler } from './control-connection.ts';
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
    listFiles: async (path) => path,
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
