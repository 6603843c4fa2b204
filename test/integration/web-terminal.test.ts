/** The web terminal of kernels, with a WebSocket client as the browser. */
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { docker, tenantId } from '../support/runner-container.ts';
import { makeBusyboxImage, makeEmptyImage, testVolume } from '../support/runner-images.ts';
import { RunnerSession } from '../support/runner-session.ts';
import { TerminalClient } from '../support/terminal-client.ts';

const none = { arguments: {}, envs: {} };
const port = 7681;

async function start(type: string, image: string, volume?: string): Promise<{ session: RunnerSession; host: string }> {
  const session = await RunnerSession.start(type, image, {
    ...(volume === undefined ? {} : { volume }),
    network: 'bridge',
    config: {
      services: [{ name: 'ttyd', protocol: 'http', ports: [port] }],
      environ: [
        ['GREETING', 'hello'],
        ['BACKENDAI_SESSION_NAME', 'my-session'],
        ['NODE_OPTIONS', '--require=/nowhere.js'],
      ],
    },
  });
  const form = '{{.NetworkSettings.IPAddress}}';
  const address = (await session.container.docker('inspect', '-f', form, session.container.name)).trim();
  return { session, host: `${address}:${port}` };
}

/** Node processes of the tenant's. */
const servers = async (session: RunnerSession): Promise<number> => {
  const script =
    'n=0; for p in /proc/[0-9]*; do grep -qz "[t]erminal.js" $p/cmdline 2>/dev/null && n=$((n+1)); done; echo $n';
  return Number((await session.shell(script)).stdout);
};
const shows = async (terminal: TerminalClient, text: string | RegExp): Promise<void> =>
  vi.waitFor(() => expect(terminal.shown).toMatch(text), { timeout: 20_000, interval: 20 });

let session: RunnerSession;
let host: string;
beforeAll(async () => {
  ({ session, host } = await start('shell', 'kernelet/base'));
});
afterAll(() => session?.[Symbol.asyncDispose]());

// @promise applications
describe('the web terminal', () => {
  it('takes no process while nobody uses it', async () => {
    expect(await servers(session)).toBe(0);
    expect(await session.peer.request('start-service', { name: 'ttyd', options: none })).toEqual({ status: 'running' });
  });

  it('has a page with everything that it names', async () => {
    const page = await fetch(`http://${host}/`);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const text = await page.text();
    for (const name of ['page.js', 'xterm.css']) expect(text).toContain(name);
    for (const name of ['page.js', 'xterm.css', 'xterm.js', 'addon-fit.js']) {
      expect((await fetch(`http://${host}/${name}`)).status, name).toBe(200);
    }
    expect((await fetch(`http://${host}/../../runner.js`)).status).toBe(404);
    expect((await fetch(`http://${host}/`, { method: 'POST' })).status).toBe(405);
    expect(await servers(session)).toBe(1);
  });

  it("gives a login shell of the tenant with the kernel's variables", async () => {
    using terminal = await TerminalClient.open(host);
    terminal.type('id -u; echo $GREETING $TERM $NODE_OPTIONS; stty size; shopt -q login_shell && echo "log"in; pwd\r');
    await shows(
      terminal,
      `${tenantId}\r\nhello xterm-256color --require=/nowhere.js\r\n30 100\r\nlogin\r\n/home/work\r\n`,
    );
    expect(terminal.title).toBe('my-session');
    terminal.resize(40, 10);
    terminal.type('stty size\r');
    await shows(terminal, '10 40');
    terminal.type('exit\r');
    await vi.waitFor(() => expect(terminal.closed).toBe(1000), { timeout: 10_000 });
  });

  it('interrupts by Ctrl-C, and ends the shell with the connection', async () => {
    const terminal = await TerminalClient.open(host);
    terminal.type('sleep 1000\r');
    await shows(terminal, 'sleep 1000');
    await wait(300);
    terminal.type('\x03');
    terminal.type('echo after $?; sleep 2000\r');
    await shows(terminal, 'after 130');
    terminal[Symbol.dispose]();
    const script = 'for p in /proc/[0-9]*; do grep -qzx 2000 $p/cmdline 2>/dev/null && cat $p/comm; done';
    await vi.waitFor(async () => expect((await session.shell(script)).stdout).not.toContain('sleep'), {
      timeout: 10_000,
      interval: 200,
    });
  });

  it('comes back to a shell with what it showed meanwhile, and shares it, by the token of the page', async () => {
    const [session, other] = ['a'.repeat(32), 'b'.repeat(32)];
    const first = await TerminalClient.open(host, { session });
    first.type('x=kept; (sleep 0.3; echo "mean"while) &\r');
    await shows(first, /x=kept.*\r\n/);
    first[Symbol.dispose]();
    using back = await TerminalClient.open(host, { session, columns: 60, rows: 20 });
    await shows(back, /x=kept[\s\S]*meanwhile/);
    back.type('echo $x; stty size\r');
    await shows(back, 'kept\r\n20 60');
    using shared = await TerminalClient.open(host, { session });
    await shows(shared, /meanwhile[\s\S]*kept\r\n20 60/);
    shared.type('echo "bo"th\r');
    await shows(back, 'both');
    using stranger = await TerminalClient.open(host, { session: other });
    stranger.type('echo "<$x>"\r');
    await shows(stranger, '<>\r\n');
    back.type('exit\r');
    for (const client of [back, shared]) await vi.waitFor(() => expect(client.closed).toBe(1000), { timeout: 10_000 });
  });

  it('keeps up with much output, and waits for a client that reads nothing', async () => {
    using terminal = await TerminalClient.open(host);
    terminal.type('yes 0123456789012345678901234567890123456789 | head -c 20000000; echo; echo "do"ne\r');
    await wait(50);
    terminal.read(false);
    await wait(1500);
    const script =
      'for p in /proc/[0-9]*; do grep -qz "[t]erminal.js" $p/cmdline 2>/dev/null && grep VmRSS $p/status; done';
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec((await session.shell(script)).stdout) ?? [];
    expect(Number(kib)).toBeLessThan(100 * 1024);
    terminal.read(true);
    await shows(terminal, /done\r\n/);
    expect(terminal.shown.length).toBeGreaterThan(20_000_000);
  });

  it('keeps nobody waiting behind a visitor whose program does not read what he sends', async () => {
    using terminal = await TerminalClient.open(host);
    terminal.type('stty raw -echo; echo "fu"ll; exec sleep 1000\r');
    await shows(terminal, 'full');
    for (let count = 0; count < 16; count += 1) terminal.type('x'.repeat(500_000));
    using other = await TerminalClient.open(host);
    other.type('echo "al"so\r');
    await shows(other, 'also');
    const script =
      'for p in /proc/[0-9]*; do grep -qz "[t]erminal.js" $p/cmdline 2>/dev/null && cut -d " " -f 14,15 $p/stat; done';
    const ticks = async (): Promise<number> =>
      (await session.shell(script)).stdout.split(' ').reduce((sum, text) => sum + Number(text), 0);
    const before = await ticks();
    await wait(1000);
    // Of a hundred.
    expect((await ticks()) - before).toBeLessThan(30);
  });

  // @promise ssh-and-terminal
  it('gives nothing to the pages of other sites, and lives on after garbage', async () => {
    const foreign = await TerminalClient.open(host, {}, 'http://evil.example');
    await vi.waitFor(() => expect(foreign.closed).toBe(1008), { timeout: 10_000 });
    const { token } = (await (await fetch(`http://${host}/token`)).json()) as { token: string };
    using gated = await TerminalClient.open(host, { token }, 'http://gate.example');
    gated.type('echo "in"side\r');
    await shows(gated, 'inside');
    for (const bytes of ['', '1{', '9', '1{"columns":-1}', '{}']) gated.send(bytes);
    await new Promise<void>((resolve) => {
      const socket = connect({ host: host.split(':')[0] ?? '', port }, () => socket.write('\0\xff garbage\r\n\r\n'));
      socket.resume();
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });
    gated.type('echo "still" here\r');
    await shows(gated, 'still here');
  });

  it('listens again after its server was killed, and not after it was ended', async () => {
    await session.shell(
      'for p in /proc/[0-9]*; do grep -qz "[t]erminal.js" $p/cmdline 2>/dev/null && kill -9 ${p#/proc/}; done',
    );
    await vi.waitFor(async () => expect((await fetch(`http://${host}/`)).status).toBe(200), { timeout: 10_000 });
    await session.peer.request('stop-service', { name: 'ttyd' });
    await expect(fetch(`http://${host}/`)).rejects.toThrow();
    expect(await session.peer.request('start-service', { name: 'ttyd', options: none })).toEqual({ status: 'started' });
    expect((await fetch(`http://${host}/`)).status).toBe(200);
    await session.peer.request('stop-service', { name: 'ttyd' });
  });
});

describe('in an image without anything', () => {
  it.each(['busybox', 'empty'])('the web terminal of a kernel works (%s)', async (kind) => {
    const volume = await testVolume();
    const image = `kernelet-test-terminal-${kind}`;
    if (kind === 'empty') makeEmptyImage(image);
    else await makeBusyboxImage(image, volume);
    try {
      const bare = await start('app', image, volume);
      await using _session = bare.session;
      using terminal = await TerminalClient.open(bare.host);
      terminal.type('echo $((6*7)) $GREETING\r');
      await shows(terminal, '42 hello');
    } finally {
      await docker('rmi', '-f', image);
    }
  });
});
