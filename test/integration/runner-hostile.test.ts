/** A tenant, or a peer, that means the runner harm. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { docker } from '../support/runner-container.ts';
import { RunnerPeer } from '../support/runner-peer.ts';
import { RunnerSession } from '../support/runner-session.ts';

let kernel: RunnerSession;
beforeAll(async () => {
  kernel = await RunnerSession.start('shell', 'kernelet/base', { config: { outputBufferBytes: 1024 * 1024 } });
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

describe('a hostile tenant', () => {
  it('cannot harm the runner by killing everything', async () => {
    expect(await kernel.shell('kill -9 -1; sleep 1; echo still')).toMatchObject({ stdout: 'still\n', exitCode: 0 });
    expect((await kernel.shell('echo alive')).stdout).toBe('alive\n');
  });

  it('that forks up to the limit of processes leaves the runner working', async () => {
    await kernel.shell('i=0; while [ $i -lt 300 ]; do sleep 20 & i=$((i+1)); done; exit 0', 5000);
    const refused = await kernel.shell('echo hi');
    expect([0, 126, 2]).toContain(refused.exitCode);
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
    await docker('exec', '-u', '1000', kernel.container.name, 'sh', '-c', 'kill -9 -1').catch(() => {});
    await wait(200);
    expect((await kernel.shell('echo alive')).stdout).toBe('alive\n');
  });

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

describe('connections', () => {
  it('with a wrong secret, garbage or nothing to say are refused, and harm no other', async () => {
    using wrong = await RunnerPeer.connect(kernel.container.socketPath, 'f'.repeat(64));
    expect(wrong.heads[0]).toMatchObject({ t: 'refused', reason: 'secret' });
    using garbage = await RunnerPeer.connect(kernel.container.socketPath, kernel.container.secret, { role: 'file' });
    garbage.sendRaw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await wait(200);
    expect(garbage.closed).toBe(true);
    const idle = await Promise.all(
      Array.from({ length: 12 }, () =>
        RunnerPeer.connect(kernel.container.socketPath, kernel.container.secret, { role: 'file', timeoutMs: 1 }).catch(
          () => null,
        ),
      ),
    );
    expect(idle.filter((peer) => peer && !peer.closed).length).toBeLessThanOrEqual(8);
    for (const peer of idle) peer?.[Symbol.dispose]();
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
  });
});
