/** Programs on terminals of a real container: what they find there, what is typed, several viewers, and the end. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunId } from '../../src/lib/ids.ts';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import type { ExecuteRequest, ProcessOptions } from '../../src/protocol/execute-request.ts';
import type { EndReason } from '../../src/protocol/run-event.ts';
import { tenantId } from '../support/runner-container.ts';
import { RunnerPeer } from '../support/runner-peer.ts';
import { RunnerSession, shellCommand } from '../support/runner-session.ts';

let kernel: RunnerSession;
let peer: RunnerPeer;
beforeAll(async () => {
  kernel = await RunnerSession.start('python', 'kernelet/python');
  const { socketPath, secret } = kernel.container;
  peer = await RunnerPeer.connect(socketPath, secret, { protocol: protocolGeneration });
});
afterAll(async () => {
  peer?.[Symbol.dispose]();
  await kernel?.[Symbol.asyncDispose]();
});

interface Screen {
  shown: string;
  dropped: boolean;
  end: { readonly exitCode: number; readonly reason: EndReason } | null;
}

/** What a viewer with a number of its own sees. */
function view(run: RunId, reader: number): Screen {
  const screen: Screen = { shown: '', dropped: false, end: null };
  peer.listen(({ header, body }) => {
    if (header.t !== 'event' || header.run !== run || header.reader !== reader) return;
    if (header.event.kind === 'dropped') screen.dropped = true;
    if (header.event.kind === 'finished') screen.end = header.event;
    screen.shown += Buffer.from(body).toString();
  });
  peer.send({ t: 'attach', run, after: 0, reader });
  return screen;
}

const tty = { columns: 90, rows: 20 };
async function open(argv: readonly string[], options: ProcessOptions = {}) {
  const run = kernel.nextRun();
  const request: ExecuteRequest = { mode: 'command', argv, tty, ...options, timeoutMs: null };
  await peer.request('execute', { run, request });
  const type = (text: string) => peer.request('stdin', { run, eof: false }, Buffer.from(text));
  return { run, screen: view(run, 1), type };
}
/** What a command without a terminal prints. */
const beside = async (script: string): Promise<string> =>
  (await peer.run(kernel.nextRun(), shellCommand(script))).stdout;
const shows = (screen: Screen, text: string | RegExp): Promise<void> =>
  vi.waitFor(() => expect(screen.shown).toMatch(text), { timeout: 20_000, interval: 10 });
const ends = (screen: Screen): Promise<void> =>
  vi.waitFor(() => expect(screen.end).not.toBeNull(), { timeout: 20_000, interval: 10 });

// @promise terminals
describe('a program on a terminal', () => {
  it('is the tenant’s, has it as its controlling terminal with a size, a name and UTF-8, and its own exit code', async () => {
    const script =
      'tty; stat -c %u $(tty); stty size; echo $TERM $LANG; stty -a | grep -o " iutf8"; echo to >/dev/tty; exit 7';
    const { screen } = await open(['sh', '-c', script]);
    await ends(screen);
    expect(screen.shown).toMatch(/^\/dev\/pts\/\d+\r\n/);
    expect(screen.shown.split('\r\n').slice(1)).toEqual([
      String(tenantId),
      '20 90',
      'xterm-256color C.UTF-8',
      ' iutf8',
      'to',
      '',
    ]);
    expect(screen.end).toMatchObject({ exitCode: 7, reason: 'exited' });
  });

  it('takes keys: Ctrl-C and Ctrl-Z reach the job in front, Ctrl-D ends the shell', async () => {
    const { screen, type } = await open(['bash', '--norc', '-i'], { environ: { PS1: '> ', TERM: 'dumb' } });
    // Keys that come before its prompt are not always kept.
    await shows(screen, /> $/);
    await type('echo $TERM; sh -c "echo wait""ing; exec sleep 1000"\r');
    await shows(screen, 'dumb\r\nwaiting\r\n');
    await type('\x03');
    await shows(screen, /\^C\r\n> $/);
    await type('echo "af"ter $?; sh -c "echo sleep""ing; exec sleep 2000"\r');
    await shows(screen, /after 130\r\nsleeping\r\n/);
    await type('\x1a');
    await shows(screen, /Stopped.*\r\n> $/);
    await type('fg\r');
    await shows(screen, /fg\r\n.*exec sleep 2000"\r\n$/);
    await type('\x03');
    await shows(screen, /\^C\r\n> $/);
    await type('echo "en"ded $?\r');
    await shows(screen, /ended 130\r\n> $/);
    await type('exit 3\r');
    await ends(screen);
    expect(screen.end).toMatchObject({ exitCode: 3, reason: 'exited' });
  });

  it('is told of another size, the last of which counts, and a run without a terminal has none', async () => {
    const program = `import os, signal
signal.signal(signal.SIGWINCH, lambda *_: os.write(1, b"%d %d\\n" % os.get_terminal_size()))
os.write(1, b"on\\n")
while True: signal.pause()
`;
    const { run, screen } = await open(['python3', '-uc', program]);
    await shows(screen, 'on\r\n');
    // The system signals before it writes the size down: a program may be as quick as that.
    await vi.waitFor(
      async () => {
        expect(await peer.request('resize', { run, columns: 100, rows: 40 })).toEqual({ resized: true });
        expect(await peer.request('resize', { run, columns: 132, rows: 50 })).toEqual({ resized: true });
        expect(screen.shown).toContain('132 50\r\n');
      },
      { timeout: 20_000 },
    );
    await peer.request('cancel', { run, signal: 'SIGHUP' });
    await ends(screen);
    expect(screen.end).toMatchObject({ reason: 'cancelled' });
    const plain = kernel.nextRun();
    const argv = ['sh', '-c', 'test -t 0 || echo none; read line'];
    await peer.request('execute', { run: plain, request: { mode: 'command', argv, timeoutMs: null } });
    expect(await peer.request('resize', { run: plain, ...tty })).toEqual({ resized: false });
    await peer.request('stdin', { run: plain, eof: true });
    expect((await peer.follow(plain, 0)).stdout).toBe('none\n');
  });

  it('shows the same to whoever comes, earlier and later, and goes on while nobody looks', async () => {
    const { run, screen, type } = await open(['cat'], { name: 'seen' });
    await type('first\r');
    await shows(screen, 'first\r\nfirst\r\n');
    peer.send({ t: 'detach', run, reader: 1 });
    await type('second\r');
    const [second, third] = [view(run, 2), view(run, 3)];
    await shows(third, 'second\r\nsecond\r\n');
    await type('\x04');
    await Promise.all([ends(second), ends(third)]);
    expect(second).toEqual(third);
    expect(second.shown).toBe('first\r\nfirst\r\nsecond\r\nsecond\r\n');
    expect(second.end).toMatchObject({ exitCode: 0 });
  });

  it('hangs up what it leaves behind, which holds no terminal of others', async () => {
    const { screen: other, type } = await open(['cat']);
    const script =
      '(trap "echo hung >hung; exit" HUP; trap "" INT; while :; do sleep 0.05; done) & sleep 0.2; echo $!; ls -l /proc/$$/fd | grep -c ptmx';
    const { screen } = await open(['sh', '-c', script]);
    await ends(screen);
    expect(screen.shown).toMatch(/^\d+\r\n0\r\n/);
    await vi.waitFor(async () => expect(await beside('cat hung')).toBe('hung\n'), { timeout: 20_000 });
    await type('\x04');
    await ends(other);
  });

  it('that is not there, or has a folder that is not, says so', async () => {
    const missing = await open(['nosuch']);
    await ends(missing.screen);
    expect(missing.screen).toMatchObject({ shown: 'kernelet: nosuch: not found\r\n', end: { exitCode: 127 } });
    const astray = await open(['pwd'], { cwd: '/nowhere' });
    await ends(astray.screen);
    expect(astray.screen.shown).toMatch(/cannot be entered \(ENOENT\)\r\n$/);
  });

  it('of a language is built and run there', async () => {
    const run = kernel.nextRun();
    const source = { from: 'code', code: 'import os; print(os.get_terminal_size()); print(input("> "))' } as const;
    await peer.request('execute', { run, request: { mode: 'program', source, args: [], tty, timeoutMs: null } });
    const screen = view(run, 1);
    await shows(screen, '> ');
    await peer.request('stdin', { run, eof: false }, Buffer.from('grüß\x7f\x7fn\r'));
    await ends(screen);
    expect(screen.shown).toContain('os.terminal_size(columns=90, lines=20)\r\n> ');
    expect(screen.shown).toMatch(/\r\ngrn\r\n$/);
  });
});

// @promise terminals-bounded
describe('a hostile terminal', () => {
  it('that prints without end keeps its newest output and delays nobody', async () => {
    const { run, screen } = await open(['sh', '-c', 'yes 0123456789 | head -c 30000000; printf over']);
    await ends(screen);
    expect(screen.shown).toMatch(/over$/);
    const late = view(run, 2);
    await ends(late);
    expect(late.dropped).toBe(true);
    expect(late.shown.length).toBeLessThan(1_200_000);
    expect(late.shown).toMatch(/over$/);
  });

  it('that never reads keeps nobody waiting, and takes no more than its bound', async () => {
    const { run, screen, type } = await open(['sh', '-c', 'stty raw -echo; printf on; exec sleep 1000']);
    await shows(screen, 'on');
    const refused: unknown[] = [];
    const typed = Array.from({ length: 24 }, () =>
      type('x'.repeat(200_000)).catch((error) => refused.push(error.code)),
    );
    expect(await beside('echo beside')).toBe('beside\n');
    await vi.waitFor(() => expect(refused.length).toBeGreaterThan(0), { timeout: 20_000 });
    expect(new Set(refused)).toEqual(new Set(['OVERLOADED']));
    await peer.request('signal', { run, signal: 'SIGKILL' });
    await ends(screen);
    await Promise.all(typed);
  });
});
