/** Runs in a real container: ids, the queue, interrupts, time limits, lost connections, and the steps of a batch. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RunnerPeer } from '../support/runner-peer.ts';
import { RunnerSession, shellCommand } from '../support/runner-session.ts';

let kernel: RunnerSession;
beforeAll(async () => {
  kernel = await RunnerSession.start('shell', 'kernelet/base', { config: { outputBufferBytes: 1024 * 1024 } });
});
afterAll(() => kernel?.[Symbol.asyncDispose]());

describe('a run', () => {
  // @promise run-once
  it('is run once, whatever is sent twice', async () => {
    const name = kernel.nextRun();
    const request = shellCommand('echo once >>times; cat times');
    expect(await kernel.peer.request('execute', { run: name, request })).toEqual({ existing: false });
    expect(await kernel.peer.request('execute', { run: name, request })).toEqual({ existing: true });
    expect((await kernel.peer.follow(name, 0)).stdout).toBe('once\n');
    expect(await kernel.peer.request('execute', { run: name, request })).toEqual({ existing: true });
    await expect(kernel.peer.request('execute', { run: name, request: shellCommand('other') })).rejects.toMatchObject({
      code: 'RUN_EXISTS',
    });
    await kernel.peer.request('forget', { run: name });
    await expect(kernel.peer.request('forget', { run: name })).rejects.toMatchObject({ code: 'RUN_NOT_FOUND' });
  });

  it('waits for those before it, and can be taken off the queue', async () => {
    const [first, second, third] = [kernel.nextRun(), kernel.nextRun(), kernel.nextRun()];
    const cell = (code: string) => ({ mode: 'query', code, timeoutMs: null }) as const;
    const results = [
      kernel.peer.run(first, cell('sleep 0.5; echo 1')),
      kernel.peer.run(second, cell('echo 2')),
      kernel.peer.run(third, cell('echo 3')),
    ];
    await kernel.peer.request('cancel', { run: second, signal: 'SIGTERM' });
    expect((await Promise.all(results)).map(({ stdout, reason }) => [stdout, reason])).toEqual([
      ['1\n', 'exited'],
      ['', 'cancelled'],
      ['3\n', 'exited'],
    ]);
  });

  // @promise side-by-side
  it('of a program or command begins at once, beside a cell that runs', async () => {
    await kernel.shell('mkfifo go');
    const result = kernel.query('read line <go; echo "$line"');
    const beside = await Promise.all([kernel.shell('echo 1'), kernel.shell('echo 2'), kernel.program('echo 3')]);
    expect(beside.map(({ stdout }) => stdout)).toEqual(['1\n', '2\n', '3\n']);
    await kernel.shell('echo gone on >go; rm go');
    expect((await result).stdout).toBe('gone on\n');
  });

  it('is interrupted with its whole process group', async () => {
    const name = kernel.nextRun();
    const result = kernel.peer.run(
      name,
      shellCommand('trap "echo caught; exit 5" INT; echo on; sleep 30 & wait'),
      ({ event }) => {
        if (event.kind === 'stdout') void kernel.peer.request('interrupt', { run: name });
      },
    );
    expect(await result).toMatchObject({ stdout: 'on\ncaught\n', exitCode: 5 });
    expect(await kernel.peer.request('interrupt', { run: null })).toEqual({ interrupted: false });
  });

  it('that ignores its cancellation is killed', async () => {
    const name = kernel.nextRun();
    const started = performance.now();
    const result = kernel.peer.run(
      name,
      shellCommand('trap "" TERM; echo on; while :; do sleep 1; done'),
      ({ event }) => {
        if (event.kind === 'stdout') void kernel.peer.request('cancel', { run: name, signal: 'SIGTERM' });
      },
    );
    expect(await result).toMatchObject({ reason: 'cancelled', exitCode: -9 });
    expect(performance.now() - started).toBeLessThan(4000);
  });

  // @promise time-limit
  it('ends at its time limit, children and all', async () => {
    expect(await kernel.shell('sleep 30 & sleep 30', 300)).toMatchObject({ reason: 'time-limit', exitCode: -9 });
    expect((await kernel.shell('ps x 2>/dev/null | grep "[s]leep 30" || echo gone')).stdout).toBe('gone\n');
  });

  // @promise run-once
  it('survives the loss of its connection, and its reader goes on where it stopped', async () => {
    const name = kernel.nextRun();
    await kernel.peer.request('execute', {
      run: name,
      request: shellCommand('for i in 1 2 3 4 5 6 7 8 9 10; do echo $i; sleep 0.1; done'),
    });
    const half = await new Promise<number>((resolve) => {
      const listening = kernel.peer.listen(({ header }) => {
        if (header.t !== 'event' || header.n < 4) return;
        listening[Symbol.dispose]();
        resolve(header.n);
      });
      kernel.peer.send({ t: 'attach', run: name, after: 0 });
    });
    using other = await RunnerPeer.connect(kernel.container.socketPath, kernel.container.secret);
    const welcome = other.headers[0];
    expect(welcome?.t === 'welcome' && welcome.runs.find(({ run }) => run === name)?.phase).toBe('running');
    const rest = await other.follow(name, half);
    expect(rest.events[0]?.n).toBe(half + 1);
    const all = await other.follow(name, 0);
    expect(all.stdout).toBe('1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n');
    other[Symbol.dispose]();
    await kernel.reconnect();
  });
});

describe('batch', () => {
  const batch = (clean: string | null, build: string | null, exec: string | null, timeoutMs: number | null = null) =>
    kernel.execute({ mode: 'batch', clean, build, exec, timeoutMs });
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
    const name = kernel.nextRun();
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
        void kernel.peer.request('input', { run: name, text: `answer ${asked.length}` });
      },
    );
    expect(result.stdout).toBe('answer 1\nanswer 2\n');
    expect(asked).toEqual([
      { kind: 'waiting-input', prompt: 'name? ', password: true },
      { kind: 'waiting-input', prompt: '', password: false },
    ]);
  });
});
