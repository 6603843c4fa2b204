import { describe, expect, it } from 'vitest';
import type { ManagedSession } from '../support/manager/sessions.ts';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-curve', { curve: true });
const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function page(session: ManagedSession): Promise<string> {
  const got = await session.call<string>('app', {
    app: 'webapp',
    send: base64('GET / HTTP/1.0\r\n\r\n'),
    enough: base64('<p>hello</p>'),
  });
  return Buffer.from(got, 'base64').toString();
}

describe.concurrent('with encrypted calls, a session', () => {
  it('is made, and executes code that asks', async () => {
    await using session = await stage.session();
    expect((await session.run('print(input("name? "))', ['me'])).stdout).toContain('me\n');
  });

  it('has apps', async () => {
    await using session = await stage.session();
    await session.run('open("index.html", "w").write("<p>hello</p>")');
    expect(await page(session)).toContain('<p>hello</p>');
  });

  it('is restarted', async () => {
    await using session = await stage.session();
    await session.run('kept = 1; open("kept.txt", "w").write("kept")');
    await session.ask('restart');
    await session.untilStatus('RUNNING');
    expect((await session.run('print(open("kept.txt").read(), "kept" in globals())')).stdout).toBe('kept False\n');
  });

  it('is ended', async () => {
    await using session = await stage.session();
    expect((await session.destroy()).status_info).toBe('user-requested');
  });
});

describe('with encrypted calls, an agent', () => {
  it('finds its sessions again after it was killed', async () => {
    await using session = await stage.session();
    await session.run('kept = "in memory"');
    await stage.agent.end('SIGKILL');
    await stage.agent.start();
    await stage.untilAgentIs('ALIVE');
    expect((await session.run('print(kept)')).stdout).toBe('in memory\n');
  });
});
