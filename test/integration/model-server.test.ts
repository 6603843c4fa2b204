/** Models in a real container: their servers are started, watched by their health checks, and started again. */
import { expect, it, vi } from 'vitest';
import type { KernelModel } from '../../src/protocol/kernel-models.ts';
import { RunnerSession } from '../support/runner-session.ts';

const server = `
import http.server, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path
        if path == '/die': os._exit(3)
        if path == '/moved': self.send_response(302); self.send_header('Location', '/health'); self.end_headers(); return
        self.send_response(500 if os.path.exists('/home/work/sick') else 204); self.end_headers()
http.server.HTTPServer(('0.0.0.0', int(sys.argv[1])), Page).serve_forever()
`;
const model = (change: Partial<KernelModel>): KernelModel => ({
  name: 'm',
  path: '/home/work',
  port: 8000,
  command: ['{runtime_path}', '{server}', '{ports[0]}'],
  preStart: JSON.stringify([{ action: 'write_tempfile', args: { body: [server] }, ref: 'server' }]),
  healthCheck: null,
  ...change,
});
const check = { path: '/moved', maxRetries: 1, maxWaitMs: 1000, expectedStatus: 204 };

// @promise applications
it('serves models, and says how they are', async () => {
  const models = [
    model({ name: 'checked', port: 8001, healthCheck: check }),
    model({ name: 'unchecked', port: 8002 }),
    model({ name: 'absent', port: 8003, path: '/no/such/folder' }),
    model({ name: 'wrong', port: 8004, command: ['{nothing}'] }),
  ];
  await using kernel = await RunnerSession.start('python', 'kernelet/python', { config: { models } });
  const healths = async (expected: object): Promise<void> =>
    vi.waitFor(
      async () => {
        const status = await kernel.peer.request('ping', null);
        expect(Object.fromEntries(status.models.map(({ name, healthy }) => [name, healthy]))).toMatchObject(expected);
      },
      { timeout: 30_000, interval: 100 },
    );
  await healths({ checked: true, unchecked: true, absent: false, wrong: false });
  expect((await kernel.peer.request('ping', null)).detail).toContain(
    "the server of model wrong cannot be started: KeyError('nothing')",
  );
  await kernel.shell('touch sick');
  await healths({ checked: false });
  await kernel.shell('rm sick');
  await healths({ checked: true });
  const die = (port: number): Promise<unknown> =>
    kernel.shell(`python3 -c 'import urllib.request; urllib.request.urlopen("http://127.0.0.1:${port}/die")'`);
  await die(8002);
  await healths({ unchecked: false });
  await healths({ unchecked: true });
  expect(await kernel.container.logs()).toContain('the server of model unchecked ended: status 3');
});
