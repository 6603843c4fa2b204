/** The runner in real containers: what runs say, and that nothing is lost, doubled or left. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunId } from '../../src/lib/ids.ts';
import { docker, type RunnerContainer, startRunnerContainer } from '../support/runner-container.ts';
import { testVolume } from '../support/runner-images.ts';
import { RunnerPeer } from '../support/runner-peer.ts';

const id = (text: string): RunId => text as RunId;
const sh = (script: string, timeoutMs: number | null = null) =>
  ({ mode: 'command', argv: ['sh', '-c', script], timeoutMs }) as const;

let volume: string;
let kernel: RunnerContainer;
let count = 0;
const next = (): string => {
  count += 1;
  return `run-${count}`;
};
const run = (script: string, timeoutMs: number | null = null) => kernel.peer.run(next(), sh(script, timeoutMs));

beforeAll(async () => {
  volume = await testVolume();
  kernel = await startRunnerContainer({
    volume,
    image: 'kernelet/base',
    config: {
      runtime: { type: 'shell', path: null },
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
    expect(await run('echo out; echo err >&2; exit 3')).toMatchObject({
      stdout: 'out\n',
      stderr: 'err\n',
      exitCode: 3,
      reason: 'exited',
      kinds: ['started', 'finished'],
    });
    expect(await run('kill -TERM $$')).toMatchObject({ exitCode: -15, reason: 'signalled' });
    const missing = await kernel.peer.run(next(), { mode: 'command', argv: ['no-such-program'], timeoutMs: null });
    expect(missing).toMatchObject({
      exitCode: 127,
      reason: 'unable',
      stderr: 'kernelet: no-such-program: not found\n',
    });
    const refused = await kernel.peer.run(next(), { mode: 'command', argv: ['/etc/passwd'], timeoutMs: null });
    expect(refused).toMatchObject({ exitCode: 126, stderr: 'kernelet: /etc/passwd: permission denied\n' });
  });

  it('run as the tenant, without capabilities, with a raised OOM score, in the home', async () => {
    const { stdout } = await run(
      'id -u; id -g; id -G; id -un; pwd; cat /proc/self/oom_score_adj; grep -E "Cap(Eff|Prm|Inh|Amb)|NoNewPrivs" /proc/self/status',
    );
    expect(stdout.split('\n')).toEqual([
      ...['1000', '1000', '1000', 'work', '/home/work', '500'],
      ...['CapInh', 'CapPrm', 'CapEff', 'CapAmb'].map((name) => `${name}:\t0000000000000000`),
      'NoNewPrivs:\t1',
      '',
    ]);
  });

  it("get the session's variables exactly, which the runner itself does not", async () => {
    const { stdout } = await kernel.peer.run(next(), {
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
    const id = next();
    const result = kernel.peer.run(id, sh('sleep 0.2; echo a >/dev/stdout; echo b >/proc/self/fd/2; cat </dev/stdin'));
    await kernel.peer.request('stdin', { run: id as RunId, eof: true }, Buffer.from('c'));
    // Also when the writer is gone before it is opened.
    expect(await result).toMatchObject({ stdout: 'a\nc', stderr: 'b\n', exitCode: 0 });
  });

  it('are given their input piece by piece and see its end', async () => {
    const run = next();
    const result = kernel.peer.run(run, sh('sha256sum'));
    const hash = createHash('sha256');
    for (let index = 0; index < 40; index += 1) {
      const piece = Buffer.alloc(200_000, index);
      hash.update(piece);
      await kernel.peer.request('stdin', { run: id(run), eof: false }, piece);
    }
    expect(await kernel.peer.request('stdin', { run: id(run), eof: true })).toEqual({ open: false });
    expect((await result).stdout.slice(0, 64)).toBe(hash.digest('hex'));
  });

  it('that stop reading make the sender hear of it', async () => {
    const run = next();
    const result = kernel.peer.run(run, sh('exec <&-; sleep 5', 3000));
    const piece = Buffer.alloc(100_000);
    for (let open = true; open; ) ({ open } = await kernel.peer.request('stdin', { run: id(run), eof: false }, piece));
    await kernel.peer.request('cancel', { run: id(run), signal: 'SIGKILL' });
    expect(await result).toMatchObject({ reason: 'cancelled', exitCode: -9 });
  });
});

describe('output', () => {
  it('is complete and byte-exact, however much there is', async () => {
    const hash = createHash('sha256');
    let size = 0;
    const { exitCode } = await kernel.peer.run(
      next(),
      sh('head -c 50000000 /dev/zero | tr "\\000" "\\377"; printf "\\001\\200end"'),
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
      const { stdout } = await run('head -c 60000 /dev/zero; printf last');
      expect(stdout.length).toBe(60_004);
      expect(stdout.endsWith('last')).toBe(true);
    }
  });

  it('blocks the program while nobody takes it, and is delivered later, all of it', async () => {
    const name = next();
    await kernel.peer.request('execute', {
      run: id(name),
      request: sh('head -c 20000000 /dev/zero; echo done >marker'),
    });
    await wait(700);
    expect((await kernel.docker('exec', kernel.name, 'ls', '/home/work')).includes('marker')).toBe(false);
    const result = await kernel.peer.follow(name, 0);
    expect(result).toMatchObject({ exitCode: 0, reason: 'exited' });
    expect(result.stdout.length).toBe(20_000_000);
    expect(result.events.map(({ n }) => n)).toEqual(result.events.map((_, index) => index + 1));
  });

  it('of a background child does not hold the run up, and does not end the child', async () => {
    const started = performance.now();
    const { stdout, exitCode } = await run('(sleep 1; echo late; echo alive >background) & echo main');
    expect(performance.now() - started).toBeLessThan(900);
    expect([stdout, exitCode]).toEqual(['main\n', 0]);
    await wait(1500);
    expect((await run('cat background')).stdout).toBe('alive\n');
    expect(await kernel.logs()).toContain('late');
  });
});

describe('a run', () => {
  it('is run once, whatever is sent twice', async () => {
    const name = next();
    const request = sh('echo once >>times; cat times');
    expect(await kernel.peer.request('execute', { run: id(name), request })).toEqual({ existing: false });
    expect(await kernel.peer.request('execute', { run: id(name), request })).toEqual({ existing: true });
    expect((await kernel.peer.follow(name, 0)).stdout).toBe('once\n');
    expect(await kernel.peer.request('execute', { run: id(name), request })).toEqual({ existing: true });
    await expect(kernel.peer.request('execute', { run: id(name), request: sh('other') })).rejects.toMatchObject({
      code: 'RUN_EXISTS',
    });
    await kernel.peer.request('forget', { run: id(name) });
    await expect(kernel.peer.request('forget', { run: id(name) })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('waits for those before it, and can be taken off the queue', async () => {
    const [first, second, third] = [next(), next(), next()];
    const results = [
      kernel.peer.run(first, sh('sleep 0.5; echo 1')),
      kernel.peer.run(second, sh('echo 2')),
      kernel.peer.run(third, sh('echo 3')),
    ];
    await kernel.peer.request('cancel', { run: id(second), signal: 'SIGTERM' });
    expect((await Promise.all(results)).map(({ stdout, reason }) => [stdout, reason])).toEqual([
      ['1\n', 'exited'],
      ['', 'cancelled'],
      ['3\n', 'exited'],
    ]);
  });

  it('is interrupted with its whole process group', async () => {
    const name = next();
    const result = kernel.peer.run(name, sh('trap "echo caught; exit 5" INT; sleep 30 & wait'), ({ event }) => {
      if (event.kind === 'started') {
        setTimeout(() => void kernel.peer.request('interrupt', { run: null }), 200);
      }
    });
    expect(await result).toMatchObject({ stdout: 'caught\n', exitCode: 5 });
    expect(await kernel.peer.request('interrupt', { run: null })).toEqual({ interrupted: false });
  });

  it('that ignores its cancellation is killed', async () => {
    const name = next();
    const started = performance.now();
    const result = kernel.peer.run(name, sh('trap "" TERM; while :; do sleep 1; done'), ({ event }) => {
      if (event.kind === 'started') void kernel.peer.request('cancel', { run: id(name), signal: 'SIGTERM' });
    });
    expect(await result).toMatchObject({ reason: 'cancelled', exitCode: -9 });
    expect(performance.now() - started).toBeLessThan(4000);
  });

  it('ends at its time limit, children and all', async () => {
    expect(await run('sleep 30 & sleep 30', 300)).toMatchObject({ reason: 'time-limit', exitCode: -9 });
    expect((await run('ps x 2>/dev/null | grep "[s]leep 30" || echo gone')).stdout).toBe('gone\n');
  });

  it('survives the loss of its connection, and its reader goes on where it stopped', async () => {
    const name = next();
    await kernel.peer.request('execute', {
      run: id(name),
      request: sh('for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done'),
    });
    const half = await new Promise<number>((resolve) => {
      const listening = kernel.peer.listen(({ head }) => {
        if (head.t !== 'event' || head.n < 4) return;
        listening[Symbol.dispose]();
        resolve(head.n);
      });
      kernel.peer.send({ t: 'attach', run: id(name), after: 0 });
    });
    using other = await RunnerPeer.connect(kernel.socketPath, kernel.secret);
    const welcome = other.heads[0];
    expect(welcome?.t === 'welcome' && welcome.runs.find(({ run }) => run === name)?.phase).toBe('running');
    const rest = await other.follow(name, half);
    expect(rest.events[0]?.n).toBe(half + 1);
    const all = await other.follow(name, 0);
    expect(all.stdout).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n');
    other[Symbol.dispose]();
    await wait(50);
    Object.assign(kernel, { peer: await RunnerPeer.connect(kernel.socketPath, kernel.secret) });
  });
});

describe('batch', () => {
  const batch = (clean: string | null, build: string | null, exec: string | null, timeoutMs: number | null = null) =>
    kernel.peer.run(next(), { mode: 'batch', clean, build, exec, timeoutMs });
  const ends = (result: Awaited<ReturnType<typeof batch>>) =>
    result.events.flatMap(({ event }) => ('exitCode' in event ? [`${event.kind} ${event.exitCode}`] : []));

  it('says the end of each step, in order', async () => {
    const result = await batch('echo c', 'echo b', 'echo $_BACKEND_BATCH_MODE; exit 4');
    expect(result.stdout).toBe('c\nb\n1\n');
    expect(ends(result)).toEqual(['clean-finished 0', 'build-finished 0', 'finished 4']);
    expect(ends(await batch(null, null, null))).toEqual(['clean-finished 0', 'build-finished 0', 'finished 0']);
  });

  it('does not run what could not be built', async () => {
    const result = await batch(null, 'exit 7', 'echo never');
    expect(ends(result)).toEqual(['clean-finished 0', 'build-finished 7', 'finished 127']);
    expect(result.stdout).toBe('');
  });

  it('says all three ends at a time limit too', async () => {
    const result = await batch('sleep 30', 'echo never', 'echo never', 200);
    expect(ends(result)).toEqual(['clean-finished -9', 'build-finished -9', 'finished -9']);
    expect(result.reason).toBe('time-limit');
  });

  it('asks for input by the socket', async () => {
    const name = next();
    const ask = `perl -MIO::Socket::UNIX -e '
      my $s = IO::Socket::UNIX->new(Peer => "/tmp/bai-user-input.sock") or die;
      print $s "{\\"prompt\\": \\"name? \\", \\"password\\": true}\\n" if $ARGV[0]; print <$s>, "\\n"'`;
    const asked: unknown[] = [];
    const result = await kernel.peer.run(
      name,
      { mode: 'batch', clean: null, build: null, exec: `${ask} 1; ${ask}`, timeoutMs: 20_000 },
      ({ event }) => {
        if (event.kind !== 'waiting-input') return;
        asked.push(event);
        void kernel.peer.request('input', { run: id(name), text: `answer ${asked.length}` });
      },
    );
    expect(result.stdout).toBe('answer 1\nanswer 2\n');
    expect(asked).toEqual([
      { kind: 'waiting-input', prompt: 'name? ', password: true },
      { kind: 'waiting-input', prompt: '', password: false },
    ]);
  });
});

describe('queries', () => {
  const query = (code: string, timeoutMs: number | null = null) =>
    kernel.peer.run(next(), { mode: 'query', code, timeoutMs });

  it('keep state, and lose it only with the interpreter', async () => {
    expect(await query('X=5')).toMatchObject({ exitCode: 0, reason: 'exited' });
    expect((await query('echo $X')).stdout).toBe('5\n');
    expect(await query('sleep 30', 300)).toMatchObject({ reason: 'time-limit', exitCode: -9 });
    expect((await query('echo "X=$X"')).stdout).toBe('X=\n');
  });

  it('are interrupted without losing state', async () => {
    await query('Y=6');
    const result = kernel.peer.run(
      next(),
      { mode: 'query', code: 'echo go; sleep 30', timeoutMs: null },
      ({ event }) => {
        if (event.kind === 'stdout') void kernel.peer.request('interrupt', { run: null });
      },
    );
    expect((await result).exitCode).not.toBe(0);
    expect((await query('echo $Y')).stdout).toBe('6\n');
  });
});

describe('a hostile tenant', () => {
  it('cannot harm the runner by killing everything', async () => {
    expect(await run('kill -9 -1; sleep 1; echo still')).toMatchObject({ stdout: 'still\n', exitCode: 0 });
    expect((await run('echo alive')).stdout).toBe('alive\n');
  });

  it('that forks up to the limit of processes leaves the runner working', async () => {
    await run('i=0; while [ $i -lt 300 ]; do sleep 20 & i=$((i+1)); done; exit 0', 5000);
    const refused = await run('echo hi');
    expect([0, 126, 2]).toContain(refused.exitCode);
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
    await docker('exec', '-u', '1000', kernel.name, 'sh', '-c', 'kill -9 -1').catch(() => {});
    await wait(200);
    expect((await run('echo alive')).stdout).toBe('alive\n');
  });

  it('that eats all memory loses its process and not the runner', async () => {
    const result = await run('perl -e \'my @a; push @a, "x" x 10_000_000 while 1\'', 20_000);
    expect(result).toMatchObject({ reason: 'memory-limit' });
    expect((await run('echo alive')).stdout).toBe('alive\n');
  });

  it('cannot read the secret, reach the socket or write to the volume', async () => {
    const { stdout } = await run(
      'cat /opt/kernel/run/runner.json; ls /opt/kernel/run; touch /opt/backend.ai/x /opt/x; cat /proc/1/environ; echo end',
    );
    expect(stdout).toBe('end\n');
  });
});

describe('connections', () => {
  it('with a wrong secret, garbage or nothing to say are refused, and harm no other', async () => {
    using wrong = await RunnerPeer.connect(kernel.socketPath, 'f'.repeat(64));
    expect(wrong.heads[0]).toMatchObject({ t: 'refused', reason: 'secret' });
    using garbage = await RunnerPeer.connect(kernel.socketPath, kernel.secret, { role: 'file' });
    garbage.sendRaw(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await wait(200);
    expect(garbage.closed).toBe(true);
    const idle = await Promise.all(
      Array.from({ length: 12 }, () =>
        RunnerPeer.connect(kernel.socketPath, kernel.secret, { role: 'file', timeoutMs: 1 }).catch(() => null),
      ),
    );
    expect(idle.filter((peer) => peer && !peer.closed).length).toBeLessThanOrEqual(8);
    for (const peer of idle) peer?.[Symbol.dispose]();
    expect(await kernel.peer.request('ping', null)).toMatchObject({ phase: 'ready' });
  });
});
