import { expect, it } from 'vitest';
import { FakeAgent } from '../../test/support/fake-agent.ts';
import { silentLogger } from '../lib/log.ts';
import { createApp } from './app.ts';

it('leaves the lives of kernels to the cluster, shows everything, and can be forced', async () => {
  await using agent = await FakeAgent.start();
  const app = createApp({ agent, version: '0', logger: silentLogger, managed: true });
  const send = async (method: string, path: string, body?: object) => {
    const init = body
      ? { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
      : { method };
    const reply = await app.request(path, init);
    const document = (await reply.json()) as { id?: string; error?: { code: string } };
    return { status: reply.status, code: document.error?.code, id: document.id };
  };
  const refused = { status: 403, code: 'MANAGED', id: undefined };
  expect(await send('POST', '/v1/kernels', { language: 'python' })).toEqual(refused);
  expect(agent.creations).toEqual([]);
  const { id = '' } = await send('POST', '/v1/kernels?force=true', { language: 'python' });
  expect(await send('POST', `/v1/kernels/${id}/restart`)).toEqual(refused);
  expect(await send('DELETE', `/v1/kernels/${id}`)).toEqual(refused);
  expect(await send('GET', `/v1/kernels/${id}`)).toMatchObject({ status: 200, id });
  expect((await send('POST', `/v1/kernels/${id}/restart?force=true`)).status).toBe(200);
  expect((await send('DELETE', `/v1/kernels/${id}?force=true`)).status).toBe(200);
});
