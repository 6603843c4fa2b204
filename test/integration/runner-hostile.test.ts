/** A tenant, or a peer, that means the runner harm. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker, tenantId } from '../support/runner-container.ts';
import { RunnerPeer } from '../support/runner-peer.ts';
import { RunnerSession, runId } from '../support/runner-session.ts';

let kernel: RunnerSession;
beforeAll(async () => {
  kernel = await RunnerSession.start('shell', 'kernelet/base', { config: { outputBufferBytes: 1024 * 1024 } });
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

describe('a hostile tenant', () => {
  // @promise runner-stands
  it('cannot harm the runner by killing everything', async () => {
    expect(await kernel.shell('kill -9 -1; sleep 1; echo still')).toMatchObject({ stdout: 'still\n', exitCode: 0 });
    expect((await kernel.shell('echo alive')).stdout).toBe('alive\n');
  });

  // @promise runner-stands
  it('that forks up to the limit of processes leaves the runner working', async () => {
    await kernel.shell('i=0; while [ $i -lt 300 ]; do sleep 20 & i=$((i+1)); done; exit 0', 5000);
    const refused = await kernel.shell('echo hi');
    expect([0, 126, 2]).toContain(refused.exitCode);
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
    await docker('exec', '-u', String(tenantId), kernel.container.name, 'sh', '-c', 'kill -9 -1').catch(() => {});
    await wait(200);
    expect((await kernel.shell('echo alive')).stdout).toBe('alive\n');
  });

  // @promise runner-stands
  it('that eats all memory loses its process and not the runner', async () => {
    const result = await kernel.shell('perl -e \'my @a; push @a, "x" x 10_000_000 while 1\'', 20_000);
    expect(result).toMatchObject({ reason: 'memory-limit' });
    expect((await kernel.shell('echo alive')).stdout).toBe('alive\n');
  });

  it('cannot read the secret, reach the socket or write to the volume', async () => {
    const { stdout } = await kernel.shell(
      'cat /opt/kernel/run/runner.json; ls /opt/kernel/run; touch /opt/backend.ai/x /opt/x; cat /proc/1/environ; echo end',
    );
    expect(stdout).toBe('end\n');
  });
});

describe('a program without measure', () => {
  let python: RunnerSession;
  beforeAll(async () => {
    python = await RunnerSession.start('python', 'kernelet/python', { config: { outputBufferBytes: 1024 * 1024 } });
  });
  afterAll(() => python?.[Symbol.asyncDispose]());

  it('that shows without end is held up like one that prints', async () => {
    const run = runId('show');
    const code = 'class H:\n  def _repr_html_(self): return "x" * 900_000\nwhile True: display(H())';
    await python.peer.request('execute', { run, request: { mode: 'query', code, timeoutMs: 60_000 } });
    await wait(2000);
    await python.reconnect();
    const [welcome] = python.peer.headers;
    const summary = welcome?.t === 'welcome' ? welcome.runs.find((item) => item.run === run) : undefined;
    expect(summary).toMatchObject({
      phase: 'running',
      last: expect.toSatisfy((last: number) => last > 1 && last < 10),
    });
    await python.peer.request('cancel', { run, signal: 'SIGKILL' });
    expect(await python.query('1')).toMatchObject({ stdout: '1\n', exitCode: 0 });
  });

  it('that asks with a prompt of megabytes is shown it, and asks', async () => {
    const run = runId('ask');
    let asked = 0;
    const request = { mode: 'query', code: 'input("x" * 3_000_000)', timeoutMs: 20_000 } as const;
    const result = await python.peer.run(run, request, ({ event }) => {
      if (event.kind !== 'waiting-input') return;
      asked += 1;
      void python.peer.request('input', { run, text: 'a' });
    });
    expect(asked).toBe(1);
    expect(result).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^x{3000000}'a'\n$/) });
  });

  it('that stops itself can be interrupted and has its time limit', async () => {
    const stop = 'import os, signal\nprint("go", flush=True); os.kill(os.getpid(), signal.SIGSTOP)\nwhile True: pass';
    expect((await python.interruptedQuery(stop)).exitCode).toBe(130);
    expect(await python.query(stop, 1000)).toMatchObject({ reason: 'time-limit' });
    expect((await python.query('2')).stdout).toBe('2\n');
  });
});

describe('connections', () => {
  it('with a wrong secret, garbage or nothing to say are refused, and harm no other', async () => {
    using wrong = await RunnerPeer.connect(kernel.container.socketPath, 'f'.repeat(64));
    expect(wrong.headers[0]).toMatchObject({ t: 'refused', reason: 'secret' });
    using garbage = await RunnerPeer.connect(kernel.container.socketPath, kernel.container.secret, { role: 'file' });
    garbage.sendRaw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await wait(200);
    expect(garbage.closed).toBe(true);
    const idle = await Promise.all(
      Array.from({ length: 90 }, () =>
        RunnerPeer.connect(kernel.container.socketPath, kernel.container.secret, { role: 'file', timeoutMs: 1 }).catch(
          () => null,
        ),
      ),
    );
    expect(idle.filter((peer) => peer && !peer.closed).length).toBeLessThanOrEqual(76);
    for (const peer of idle) peer?.[Symbol.dispose]();
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
  });
});
