/** Commands in a real container: their streams, byte for byte, and who they run as. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tenantId } from '../support/runner-container.ts';
import { RunnerSession, shellCommand } from '../support/runner-session.ts';

let kernel: RunnerSession;
beforeAll(async () => {
  kernel = await RunnerSession.start('shell', 'kernelet/base', {
    config: {
      outputBufferBytes: 1024 * 1024,
      environ: [
        ['MULTI', 'one\ntwo'],
        ['odd.name', 'kept'],
        ['LD_PRELOAD', ''],
        ['NODE_OPTIONS', '--require=/nowhere.js'],
      ],
    },
  });
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

describe('commands', () => {
  it('end with their status, their signal, or why they did not start', async () => {
    expect(await kernel.shell('echo out; echo err >&2; exit 3')).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
      reason: 'exited',
      kinds: ['started', 'finished'],
    });
    expect(await kernel.shell('kill -TERM $$')).toMatchObject({ exitCode: -15, reason: 'signalled' });
    const missing = await kernel.execute({ mode: 'command', argv: ['no-such-program'], timeoutMs: null });
    expect(missing).toMatchObject({
      exitCode: 127,
      reason: 'unable',
      stderr: 'kernelet: no-such-program: not found\n',
    });
    const refused = await kernel.execute({ mode: 'command', argv: ['/etc/passwd'], timeoutMs: null });
    expect(refused).toMatchObject({ exitCode: 126, stderr: 'kernelet: /etc/passwd: permission denied\n' });
  });

  it('run as the tenant, without capabilities, with a raised OOM score, in the home', async () => {
    const { stdout } = await kernel.shell(
      'id -u; id -g; id -G; id -un; pwd; cat /proc/self/oom_score_adj; grep -E "Cap(Eff|Prm|Inh|Amb)|NoNewPrivs" /proc/self/status',
    );
    expect(stdout.split('\n')).toEqual([
      ...[`${tenantId}`, `${tenantId}`, `${tenantId}`, 'work', '/home/work', '500'],
      ...['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((name) => `${name}:\t0000000000000000`),
      'NoNewPrivs:\t1',
      '',
    ]);
  });

  it("get the session's variables exactly, which the runner itself does not", async () => {
    const { stdout } = await kernel.execute({
      mode: 'command',
      argv: ['cat', '/proc/self/environ'],
      timeoutMs: null,
    });
    const variables = stdout.split('\0');
    expect(variables).toContain('MULTI=one\ntwo');
    expect(variables).toContain('odd.name=kept');
    expect(variables).toContain('NODE_OPTIONS=--require=/nowhere.js');
    expect(variables).toContain('HOME=/home/work');
    expect(variables.find((line) => line.startsWith('PATH='))).toMatch(/^PATH=\/home\/work\/\.local\/bin:\/usr/);
    expect(variables.filter((line) => line.startsWith('LD_LIBRARY_PATH'))).toEqual([]);
  });

  it('can open their standard streams again', async () => {
    const name = kernel.nextRun();
    const result = kernel.peer.run(
      name,
      shellCommand('sleep 0.2; echo a >/dev/stdout; echo b >/proc/self/fd/2; cat </dev/stdin'),
    );
    await kernel.peer.request('stdin', { run: name, eof: true }, Buffer.from('c'));
    // Also when the writer is gone before it is opened.
    expect(await result).toMatchObject({ stdout: 'a\nc', stderr: 'b\n', exitCode: 0 });
  });

  it('are given their input piece by piece and see its end', async () => {
    const run = kernel.nextRun();
    const result = kernel.peer.run(run, shellCommand('sha256sum'));
    const hash = createHash('sha256');
    for (let index = 0; index < 40; index += 1) {
      const piece = Buffer.alloc(200_000, index);
      hash.update(piece);
      await kernel.peer.request('stdin', { run: run, eof: false }, piece);
    }
    expect(await kernel.peer.request('stdin', { run: run, eof: true })).toEqual({ open: false });
    expect((await result).stdout.slice(0, 64)).toBe(hash.digest('hex'));
  });

  it('that stop reading make the sender hear of it', async () => {
    const run = kernel.nextRun();
    const result = kernel.peer.run(run, shellCommand('exec <&-; sleep 5', 3000));
    const piece = Buffer.alloc(100_000);
    for (let open = true; open; ) ({ open } = await kernel.peer.request('stdin', { run: run, eof: false }, piece));
    await kernel.peer.request('cancel', { run: run, signal: 'SIGKILL' });
    expect(await result).toMatchObject({ reason: 'cancelled', exitCode: -9 });
  });
});

describe('output', () => {
  // @promise program-as-at-home
  it('is complete and byte-exact, however much there is', async () => {
    const hash = createHash('sha256');
    let size = 0;
    const { exitCode } = await kernel.execute(
      shellCommand('head -c 50000000 /dev/zero | tr "\\000" "\\377"; printf "\\001\\200end"'),
      ({ event, body }) => {
        if (event.kind !== 'stdout') return;
        size += body.length;
        hash.update(body);
      },
    );
    const expected = createHash('sha256')
      .update(Buffer.alloc(50_000_000, 0xff))
      .update(Buffer.from('\x01\x80end', 'latin1'));
    expect([exitCode, size, hash.digest('hex')]).toEqual([0, 50_000_005, expected.digest('hex')]);
  });

  it('of the last instant is not lost', async () => {
    for (let index = 0; index < 30; index += 1) {
      const { stdout } = await kernel.shell('head -c 60000 /dev/zero; printf last');
      expect(stdout.length).toBe(60_004);
      expect(stdout.endsWith('last')).toBe(true);
    }
  });

  it('blocks the program while nobody takes it, and is delivered later, all of it', async () => {
    const name = kernel.nextRun();
    await kernel.peer.request('execute', {
      run: name,
      request: shellCommand('head -c 20000000 /dev/zero; echo done >marker'),
    });
    await wait(700);
    expect((await kernel.container.docker('exec', kernel.container.name, 'ls', '/home/work')).includes('marker')).toBe(
      false,
    );
    const result = await kernel.peer.follow(name, 0);
    expect(result).toMatchObject({ exitCode: 0, reason: 'exited' });
    expect(result.stdout.length).toBe(20_000_000);
    expect(result.events.map(({ n }) => n)).toEqual(result.events.map((_, index) => index + 1));
  });

  it('of a background child does not hold the run up, and does not end the child', async () => {
    const started = performance.now();
    const { stdout, exitCode } = await kernel.shell('(sleep 1; echo late; echo alive >background) & echo main');
    expect(performance.now() - started).toBeLessThan(900);
    expect([stdout, exitCode]).toEqual(['main\n', 0]);
    await wait(1500);
    expect((await kernel.shell('cat background')).stdout).toBe('alive\n');
    expect(await kernel.container.logs()).toContain('late');
  });
});
