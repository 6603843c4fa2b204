import { describe, expect, it } from 'vitest';
import type { ManagedSession } from '../support/manager/sessions.ts';
import { stageFor } from '../support/manager/stage.ts';

const stage = stageFor('i-apps');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A page of an app through the manager's proxy, up to the text that must be on it. */
async function page(session: ManagedSession, app: string, enough: string, more: object = {}): Promise<string> {
  const got = await session.call<string>('app', {
    app,
    send: base64('GET / HTTP/1.0\r\nHost: app\r\n\r\n'),
    enough: base64(enough),
    ...more,
  });
  return Buffer.from(got, 'base64').toString();
}

// @promise unmodified-manager
describe.concurrent('an app', () => {
  it('of the image is reached through the manager, before and after a restart', async () => {
    await using session = await stage.session();
    expect(session.apps.map(({ name }) => name)).toEqual(expect.arrayContaining(['sshd', 'ttyd', 'webapp']));
    await session.run('open("index.html", "w").write("<p>first</p>")');
    expect(await page(session, 'webapp', '<p>first</p>')).toMatch(/^HTTP\/1\.0 200/);
    expect(await page(session, 'webapp', '<p>first</p>')).toContain('<p>first</p>');
    await session.ask('restart');
    await session.untilStatus('RUNNING');
    await session.run('open("index.html", "w").write("<p>second</p>")');
    expect(await page(session, 'webapp', '<p>second</p>')).toContain('<p>second</p>');
  });

  it('is refused with arguments that the image does not allow', async () => {
    await using session = await stage.session();
    await expect(page(session, 'webapp', 'x', { arguments: { '--cgi': 'yes' } })).rejects.toThrow();
    await expect(page(session, 'webapp', 'x', { envs: { LD_PRELOAD: '/x' } })).rejects.toThrow();
    await session.run('open("index.html", "w").write("<p>still</p>")');
    const allowed = { arguments: { '--bind': '0.0.0.0' }, envs: { GREETING: 'hello' } };
    expect(await page(session, 'webapp', '<p>still</p>', allowed)).toContain('<p>still</p>');
  });

  it('is what SSH clients talk to', async () => {
    await using session = await stage.session();
    const banner = await session.call<string>('app', { app: 'sshd', kind: 'tcpproxy', enough: base64('SSH-2.0-') });
    expect(Buffer.from(banner, 'base64').toString()).toMatch(/^SSH-2\.0-/);
  });

  it('is a terminal in the browser', async () => {
    await using session = await stage.session();
    expect(await page(session, 'ttyd', '<html')).toMatch(/^HTTP\/1\.[01] 200/);
  });

  it('has a port that was asked for with the session', async () => {
    await using session = await stage.session({ preopen_ports: [8500] });
    await session.run(
      [
        'open("index.html", "w").write("<p>own</p>")',
        'import subprocess, sys, time',
        'server = subprocess.Popen([sys.executable, "-m", "http.server", "8500"])',
        'time.sleep(1.5)',
      ].join('\n'),
    );
    expect(await page(session, '8500', '<p>own</p>')).toContain('<p>own</p>');
  });
});
