/** Services in a real container: what an image defines is started with the tenant's ids, watched and ended. */
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DeclaredService, ServiceOptions, ServiceOutcome } from '../../src/protocol/kernel-services.ts';
import { tenantId } from '../support/runner-container.ts';
import { RunnerSession } from '../support/runner-session.ts';

/** Answers requests on the port for ever, and says what it was given. */
const webServer = `
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
        self.wfile.write(repr([sys.argv[1:], os.getuid(), os.environ.get('GREETING'), os.environ.get('MADE')]).encode())
http.server.HTTPServer(('0.0.0.0', int(sys.argv[1])), Page).serve_forever()
`;

const definitions: Readonly<Record<string, object | string>> = {
  web: {
    prestart: [
      { action: 'write_tempfile', args: { body: [webServer] }, ref: 'server' },
      { action: 'mkdir', args: { path: '/home/work/a/b' } },
      { action: 'run_command', args: { command: ['sh', '-c', 'id -u; echo no >&2'] }, ref: 'who' },
      { action: 'write_file', args: { filename: '/home/work/a/b/who', body: ['{who[out]}'], mode: '600' } },
      { action: 'write_file', args: { filename: '/home/work/a/b/who', body: ['{{}}'], mode: '600', append: true } },
      { action: 'log', args: { message: 'the web server is at {ports[0]}' } },
    ],
    command: ['{runtime_path}', '{server}', '{ports[0]}'],
    env: { MADE: 'by {who[out]}' },
    url_template: '{protocol}://{host}:{port}/',
    allowed_arguments: ['--root', '--quiet'],
    allowed_envs: ['GREETING', 'LANG'],
    default_arguments: { '--root': '/home/work' },
  },
  dies: { command: ['sh', '-c', 'echo first >&2; echo "no module named x" >&2; exit 3'] },
  background: { command: ['sh', '-c', 'setsid python3 -m http.server 9003 >/dev/null 2>&1 & exit 0'] },
  missing: { command: ['/no/such/program'] },
  lost: { command: ['{nowhere}'] },
  silent: { command: ['sleep', '60'] },
  already: { command: ['true'] },
  nothing: { noop: true, command: [] },
  stubborn: {
    command: ['sh', '-c', 'trap "" TERM; python3 -m http.server 9009'],
  },
  damaged: '{"command": ["x"], "restart": true}',
  binary: '\0\0\0',
};
const ports: Readonly<Record<string, number>> = {
  ...{ web: 9000, dies: 9001, missing: 9002, background: 9003, lost: 9004, silent: 9005, already: 9006 },
  ...{ nothing: 9007, undefined: 9008, stubborn: 9009, damaged: 9010, hostile: 9011 },
};
const places: readonly DeclaredService[] = [
  ...Object.entries(ports).map(([name, port]) => ({ name, protocol: 'http', ports: [port] })),
  { name: 'opened', protocol: 'preopen', ports: [9100] },
];

let folder: string;
let kernel: RunnerSession;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-services-'));
  await chmod(folder, 0o755);
  for (const [name, definition] of Object.entries(definitions)) {
    const text = typeof definition === 'string' ? definition : JSON.stringify(definition);
    await writeFile(join(folder, `${name}.json`), text);
  }
  await symlink('/opt/kernel/run/runner.json', join(folder, 'hostile.json'));
  kernel = await RunnerSession.start('python', 'kernelet/python', {
    config: { services: places },
    docker: ['-v', `${folder}:/etc/backend.ai/service-defs:ro`],
  });
});
afterAll(async () => {
  await kernel?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const none: ServiceOptions = { arguments: {}, envs: {} };
const start = async (name: string, options = none): Promise<ServiceOutcome> =>
  (await kernel.peer.request('start-service', { name, options })) as ServiceOutcome;
const stop = (name: string): Promise<unknown> => kernel.peer.request('stop-service', { name });
const fetchPage = async (port: number): Promise<string> => {
  const script = `import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:${port}/").read().decode())`;
  return (await kernel.shell(`python3 -c '${script}' 2>/dev/null`)).stdout.trim();
};
/** Ends the processes that have this as an argument, and says how many there were. */
const killAll = async (argument: string): Promise<number> => {
  const script = `
import os, glob
count = 0
for path in glob.glob('/proc/[0-9]*/cmdline'):
    try:
        if ${JSON.stringify(argument)}.encode() in open(path, 'rb').read().split(b'\\0'):
            os.kill(int(path.split('/')[2]), 9)
            count += 1
    except OSError:
        pass
print(count)`;
  const program = { mode: 'program', source: { from: 'code', code: script }, args: [], timeoutMs: null } as const;
  return Number((await kernel.execute(program)).stdout);
};
const started = { status: 'started' };

// @promise applications
describe('services', () => {
  it('are listed as the image defines them', async () => {
    const { apps } = await kernel.peer.request('apps', null);
    expect(apps.find(({ name }) => name === 'web')).toEqual({
      name: 'web',
      urlTemplate: '{protocol}://{host}:{port}/',
      allowedArguments: ['--root', '--quiet'],
      allowedEnvs: ['GREETING', 'LANG'],
    });
    expect(apps.map(({ name }) => name)).not.toContain('damaged');
    expect(kernel.peer.status?.detail).toContain('"damaged.json" was ignored');
    // What root alone may read is not read for an image.
    expect(kernel.peer.status?.detail).toMatch(/"hostile.json" was ignored: EACCES/);
  });

  it('start once with what the caller chose, end, and start again', async () => {
    expect(await start('web')).toEqual(started);
    expect(await fetchPage(9000)).toBe(`[['9000', '--root', '/home/work'], ${tenantId}, None, 'by ${tenantId}\\n']`);
    expect(await start('web')).toEqual({ status: 'running' });
    expect((await kernel.shell('cat a/b/who; stat -c %a a/b/who')).stdout).toBe(`${tenantId}\n\n{}\n600\n`);
    await stop('web');
    await stop('web');
    expect(await fetchPage(9000)).toBe('');
    const chosen = { arguments: { '--root': ['a', '{b}'], '--quiet': null }, envs: { GREETING: 'hello' } };
    expect(await start('web', chosen)).toEqual(started);
    expect(await fetchPage(9000)).toBe(
      `[['9000', '--root', 'a', '{b}', '--quiet'], ${tenantId}, 'hello', 'by ${tenantId}\\n']`,
    );
    expect(await kernel.container.logs()).toContain('the web server is at 9000');
    await stop('web');
  });

  it('refuse what the image does not allow, in the words that managers know', async () => {
    expect(await start('web', { arguments: { '--evil': '1' }, envs: {} })).toEqual({
      status: 'failed',
      error: "DisallowedArgument('Argument --evil not allowed for service web')",
    });
    expect(await start('web', { arguments: {}, envs: { LD_PRELOAD: 'x' } })).toEqual({
      status: 'failed',
      error: "DisallowedEnvironment('Environment variable LD_PRELOAD not allowed for service web')",
    });
    expect(await start('web', { arguments: {}, envs: { LANG: 'C' } })).toMatchObject({
      error: `DisallowedEnvironment("Environment variable LANG can't be overwritten")`,
    });
  });

  it('say why they did not start, at once', async () => {
    const begun = performance.now();
    expect(await start('dies')).toEqual({
      status: 'failed',
      error: 'dies ended with status 3: first | no module named x',
    });
    expect(await start('missing')).toEqual({ status: 'failed', error: '/no/such/program: not found' });
    expect(await start('lost')).toEqual({ status: 'failed', error: "KeyError('nowhere')" });
    expect(await start('undefined')).toEqual({ status: 'failed', error: 'unsupported service: undefined' });
    expect(await start('damaged')).toEqual({ status: 'failed', error: 'unsupported service: damaged' });
    expect(await start('unheard-of')).toEqual({ status: 'failed', error: 'unsupported service: unheard-of' });
    expect(performance.now() - begun).toBeLessThan(5000);
  });

  it('count as started when the port is open, whoever opened it', async () => {
    expect(await start('opened')).toEqual(started);
    expect(await start('nothing')).toEqual(started);
    expect(await start('background')).toEqual(started);
    await kernel.shell('setsid python3 -m http.server 9006 >/dev/null 2>&1 & sleep 1');
    expect(await start('already')).toEqual(started);
  });

  // @promise one-hangs-alone
  it('that open no port are ended in time, without holding up others', async () => {
    const silent = start('silent');
    const web = await start('web');
    expect(web).toEqual(started);
    expect(await silent).toEqual({ status: 'failed', error: 'opening the service port timed out: silent' });
    expect(await killAll('60')).toBe(0);
    await stop('web');
  });

  it('that do not listen to a request to end are ended by force', async () => {
    expect(await start('stubborn')).toEqual(started);
    await stop('stubborn');
    expect(await fetchPage(9009)).toBe('');
  });

  it('that the tenant ends can be started again', async () => {
    expect(await start('web')).toEqual(started);
    expect(await killAll('9000')).toBe(1);
    await vi.waitFor(async () => expect(await kernel.container.logs()).toContain('web ended with status -9'));
    expect(await start('web')).toEqual(started);
    await stop('web');
  });
});
