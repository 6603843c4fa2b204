/** Processes in the background of a real container: names, folders, variables, signals, input, and readers of the newest output. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunId } from '../../src/lib/ids.ts';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import type { ProcessOptions } from '../../src/protocol/execute-request.ts';
import type { RunSummary } from '../../src/protocol/run-event.ts';
import { RunnerPeer } from '../support/runner-peer.ts';
import { RunnerSession } from '../support/runner-session.ts';

let kernel: RunnerSession;
let peer: RunnerPeer;
const summaries = new Map<RunId, RunSummary>();
beforeAll(async () => {
  kernel = await RunnerSession.start('python', 'kernelet/python');
  const { socketPath, secret } = kernel.container;
  // It takes over, and speaks the generation in which runs have several readers.
  peer = await RunnerPeer.connect(socketPath, secret, { protocol: protocolGeneration });
  peer.listen(({ header }) => header.t === 'run' && summaries.set(header.summary.run, header.summary));
});
afterAll(async () => {
  peer?.[Symbol.dispose]();
  await kernel?.[Symbol.asyncDispose]();
});

const start = async (script: string, options: ProcessOptions = {}): Promise<RunId> => {
  const run = kernel.nextRun();
  const request = { mode: 'command', argv: ['sh', '-c', script], output: 'newest', timeoutMs: null } as const;
  await peer.request('execute', { run, request: { ...request, ...options } });
  return run;
};
/** What a reader of a number of its own gets, up to the end. */
const read = (run: RunId, reader: number, after = 0) =>
  new Promise<{ kinds: string[]; text: string }>((resolve) => {
    const [kinds, pieces] = [[] as string[], [] as Uint8Array[]];
    const listening = peer.listen(({ header, body }) => {
      if (header.t !== 'event' || header.run !== run || header.reader !== reader) return;
      kinds.push(header.event.kind);
      pieces.push(body);
      if (header.event.kind !== 'finished') return;
      listening[Symbol.dispose]();
      resolve({ kinds, text: Buffer.concat(pieces).toString() });
    });
    peer.send({ t: 'attach', run, after, reader });
  });

describe('a process in the background', () => {
  // @promise processes
  it('waits for no reader, and each reader gets the newest of its output', async () => {
    const run = await start('seq 1 400000; exit 3', { name: 'numbers' });
    await expect.poll(() => summaries.get(run)?.phase, { timeout: 20_000 }).toBe('finished');
    expect(summaries.get(run)).toMatchObject({ name: 'numbers', exitCode: 3, pid: null, output: 'newest' });
    const [first, second] = await Promise.all([read(run, 1), read(run, 2)]);
    expect(second).toEqual(first);
    expect(first.kinds[0]).toBe('dropped');
    expect(first.text).toMatch(/\n400000\n$/);
    expect(first.text.length).toBeGreaterThan(900_000);
    expect(first.text.length).toBeLessThan(1_200_000);
  });

  it('has a folder that the tenant alone may enter, variables, and a process of its own', async () => {
    await read(await start('mkdir -p -m 700 own'), 1);
    // It says all at once, and not before its input has ended.
    const run = await start('cat; echo "$$ $WHO $(pwd)"; sleep 30', {
      cwd: 'own',
      environ: { WHO: 'me' },
      stdin: 'closed',
    });
    await expect.poll(() => summaries.get(run)?.pid).toBeGreaterThan(1);
    const pid = summaries.get(run)?.pid;
    const reading = read(run, 1);
    await peer.next(({ header }) => header.t === 'event' && header.run === run && header.event.kind === 'stdout');
    expect(await peer.request('signal', { run, signal: 'SIGKILL' })).toEqual({ delivered: true });
    const told = await reading;
    expect(told.text).toBe(`${pid} me /home/work/own\n`);
    await expect.poll(() => summaries.get(run)).toMatchObject({ exitCode: -9, reason: 'signalled' });
  });

  it('cannot be put where the tenant has no way in', async () => {
    for (const cwd of ['/opt/kernel/run', 'nothing']) {
      const run = await start('pwd', { cwd });
      expect((await read(run, 1)).text).toMatch(/kernelet: .*: cannot be entered \(E(ACCES|NOENT)\)\n/);
    }
    expect((await read(await start('pwd'), 1)).text).toBe('/home/work\n');
  });

  it('of a file runs beside it from another folder', async () => {
    await read(await start('mkdir -p deep; echo "import os; print(os.getcwd())" >where.py'), 1);
    const run = kernel.nextRun();
    const source = { from: 'file', path: 'where.py' } as const;
    await peer.request('execute', {
      run,
      request: { mode: 'program', source, args: [], cwd: 'deep', timeoutMs: null },
    });
    expect((await peer.follow(run, 0)).stdout).toBe('/home/work/deep\n');
  });

  it('takes a signal and goes on, input while it is open, and its end', async () => {
    // Python refuses to print in a handler while the program itself is printing.
    const program = `
import os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: os.write(1, b"caught\\n"))
print("on", flush=True)
for line in sys.stdin: print("<" + line.strip() + ">", flush=True)
print("over")
`;
    const run = await start(`exec python3 -c '${program}'`);
    const reading = read(run, 1);
    await peer.next(({ header }) => header.t === 'event' && header.run === run && header.event.kind === 'stdout');
    await peer.request('signal', { run, signal: 'SIGUSR1' });
    const input = Buffer.from('a line\n');
    expect(await peer.request('stdin', { run, eof: false }, input)).toEqual({ open: true });
    await peer.request('stdin', { run, eof: true });
    const { text } = await reading;
    expect(text).toContain('caught\n');
    expect(text.replace('caught\n', '')).toBe('on\n<a line>\nover\n');
  });
});

// @promise run-limits
describe('the limits of a run', () => {
  it('end it by its CPU time, and by what it prints, with the reason', async () => {
    const [spinning, printing] = await Promise.all([
      start('while :; do :; done', { limits: { cpuSeconds: 1 } }),
      start('yes', { limits: { outputBytes: 100_000 } }),
    ]);
    expect((await read(printing, 1)).text).toBe('y\n'.repeat(50_000));
    await read(spinning, 1);
    await expect.poll(() => summaries.get(spinning)).toMatchObject({ exitCode: -24, reason: 'cpu-limit' });
    const { usage } = summaries.get(spinning) ?? {};
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(900);
    expect(usage?.peakBytes).toBeGreaterThan(100_000);
    await expect.poll(() => summaries.get(printing)).toMatchObject({ exitCode: -9, reason: 'output-limit' });
  });

  it('refuse it memory, on a terminal too, and are nobody else’s', async () => {
    const script = 'exec python3 -c "bytearray(2**27); print(1)"';
    const limits = { memoryBytes: 2 ** 27 };
    const refused = await Promise.all([
      start(script, { limits }),
      start(script, { limits, tty: { columns: 80, rows: 24 } }),
    ]);
    for (const run of refused) expect((await read(run, 1)).text).toContain('MemoryError');
    expect((await read(await start(script), 1)).text).toBe('1\n');
  });

  it('leave a program that is not there to be told', async () => {
    const run = await start('', { limits: { cpuSeconds: 1 } });
    await read(run, 1);
    await expect.poll(() => summaries.get(run)).toMatchObject({ exitCode: 0, reason: 'exited' });
    const missing = kernel.nextRun();
    const request = { mode: 'command', argv: ['nosuch'], limits: { cpuSeconds: 1 }, timeoutMs: null } as const;
    await peer.request('execute', { run: missing, request });
    expect(await peer.follow(missing, 0)).toMatchObject({ exitCode: 127, reason: 'unable' });
  });
});
