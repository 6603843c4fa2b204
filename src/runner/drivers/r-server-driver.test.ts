import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const driver = `${import.meta.dirname}/r_server_driver.cjs`;
const account = { MRS_USERNAME: 'ada', MRS_PASSWORD: 'secret' };

/** A stand-in for the server: it knows one account, and its R knows how to count, to fail and to hang. */
const server = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const body = text === '' ? {} : JSON.parse(text);
  const reply = (status: number, document: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  };
  if (request.url === '/base/login') {
    const known = body.username === 'ada' && body.password === 'secret';
    if (known) reply(200, { access_token: 'token' });
    else reply(401, { message: 'unknown account' });
    return;
  }
  if (request.headers.authorization !== 'Bearer token') return reply(401, {});
  if (request.url === '/base/sessions') {
    sessions += 1;
    return reply(201, { sessionId: `s ${sessions}` });
  }
  if (request.url !== `/base/sessions/s%20${sessions}/execute` || ended) {
    ended = false;
    return reply(404, {});
  }
  if (body.code === 'hang') return;
  if (body.code === 'fail') return reply(200, { success: false, consoleOutput: 'before\n', errorMessage: 'Error: no' });
  reply(200, { success: true, consoleOutput: `[1] ${body.code} in ${sessions}\n` });
});
let sessions = 0;
let ended = false;
let r: DriverHarness;

beforeEach(async () => {
  sessions = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base/`;
  r = await DriverHarness.start([process.execPath, driver], { ...account, MRS_ENDPOINT: endpoint });
});
afterEach(() => {
  r[Symbol.dispose]();
  server.closeAllConnections();
  server.close();
});

test('queries go to one session of the server', async () => {
  expect(await r.query('x')).toEqual({ ...quiet, stdout: '[1] x in 1\n' });
  expect((await r.query('y')).stdout).toBe('[1] y in 1\n');
  expect(await r.query('fail')).toMatchObject({
    stdout: 'before\n',
    error: { traceback: 'Error: no\n' },
    exitCode: 1,
  });
});

test('a session that has ended is replaced, and its loss told', async () => {
  await r.query('x');
  ended = true;
  expect(await r.query('y')).toEqual({
    ...quiet,
    stdout: '[1] y in 2\n',
    stderr: 'kernelet: the session on the R server has ended: its variables are lost\n',
  });
});

test('a query is interrupted, and the next one runs', async () => {
  await r.query('x');
  const hanging = r.query('hang');
  await once(server, 'request');
  r.interrupt();
  expect(await hanging).toMatchObject({ exitCode: 130, error: { message: 'the query was interrupted' } });
  expect(await r.query('y')).toMatchObject({ stdout: '[1] y in 1\n', exitCode: 0 });
});

test.each([
  [{ MRS_PASSWORD: 'wrong' }, 'the R server answered 401: {"message":"unknown account"}\n'],
  [{ MRS_PASSWORD: '' }, 'kernelet: the variable MRS_PASSWORD is not set: give it to the kernel\n'],
  [{ MRS_ENDPOINT: '' }, 'kernelet: the variable MRS_ENDPOINT is not set: give it to the kernel\n'],
])('with %j a query says why it cannot run', async (change, traceback) => {
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`;
  const environ = { ...account, MRS_ENDPOINT: endpoint, ...change };
  using other = await DriverHarness.start([process.execPath, driver], environ);
  expect(await other.query('x')).toEqual({
    ...quiet,
    error: { name: 'Error', message: traceback.trimEnd(), traceback },
    exitCode: 1,
  });
});
