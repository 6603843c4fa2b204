import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { DriverHarness, quiet } from '../../../test/support/driver-harness.ts';

const { signedHeaders } = createRequire(import.meta.url)('./query_support/aws_signature.cjs');
const driver = `${import.meta.dirname}/polly_driver.cjs`;

/** Cases and values of the test suite of AWS Signature Version 4. */
const suite = {
  service: 'service',
  region: 'us-east-1',
  keys: { id: 'AKIDEXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', token: null },
  now: new Date('2015-08-30T12:36:00Z'),
};
const host = 'example.amazonaws.com';

test.each([
  ['GET', { host }, '', '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['POST', { host }, '', '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'POST',
    { host, 'content-type': 'application/x-www-form-urlencoded' },
    'Param1=value1',
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
])('a signature is that of Amazon’s own example: %s with %j', (method, headers, body, signature) => {
  const { authorization } = signedHeaders({ method, path: '/', headers, body }, suite);
  expect(authorization).toMatch(
    new RegExp(
      `^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, .*Signature=${signature}$`,
    ),
  );
});

interface Asked {
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A stand-in for the service, and what it was asked. */
async function service(answer: { readonly status: number; readonly body: string | Buffer }) {
  const asked: Asked[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    asked.push({ url: request.url, headers: request.headers, body });
    response.writeHead(answer.status).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { asked, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const keys = { AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'secret', AWS_SESSION_TOKEN: 'token' };

async function start(environ: Readonly<Record<string, string>>): Promise<DriverHarness> {
  const harness = await DriverHarness.start([process.execPath, driver], environ);
  onTestFinished(() => harness[Symbol.dispose]());
  return harness;
}

test('a query is spoken, in the region of Seoul unless another is named', async () => {
  const sound = Buffer.from([0x4f, 0x67, 0x67, 0x53, 0, 255]);
  const { asked, endpoint } = await service({ status: 200, body: sound });
  const polly = await start({ ...keys, AWS_ENDPOINT_URL_POLLY: endpoint });
  const told = await polly.query('{"text": "Hi <é>", "voiceId": "Seoyeon", "textType": "ssml"}');
  const forms = [{ type: 'audio/ogg', encoding: 'base64', data: sound.toString('base64') }];
  expect(told).toEqual({ ...quiet, events: [{ ev: 'display', role: 'result', forms }] });
  const [request] = asked;
  expect(request?.url).toBe('/v1/speech');
  expect(JSON.parse(request?.body ?? '')).toEqual({
    ...{ OutputFormat: 'ogg_vorbis', Text: 'Hi <é>', TextType: 'ssml', VoiceId: 'Seoyeon' },
  });
  const time = String(request?.headers['x-amz-date']);
  const now = new Date(time.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
  const expected = signedHeaders(
    {
      method: 'POST',
      path: '/v1/speech',
      headers: { host: new URL(endpoint).host, 'content-type': 'application/json' },
      body: request?.body,
    },
    { service: 'polly', region: 'ap-northeast-2', keys: { id: 'AKID', secret: 'secret', token: 'token' }, now },
  );
  expect(request?.headers).toMatchObject(expected);
});

test('what the service says against a query is said', async () => {
  const { endpoint } = await service({ status: 400, body: '{"message":"no such voice"}' });
  const polly = await start({ ...keys, AWS_ENDPOINT_URL: endpoint });
  expect(await polly.query('{"text": "a", "voiceId": "b"}')).toMatchObject({
    exitCode: 1,
    error: { name: 'Error', traceback: 'Polly answered 400: {"message":"no such voice"}\n' },
  });
});

test.each(['Hello', '{"text": "a"}', '{"text": 1, "voiceId": "b"}', 'null'])(
  '%s is told what a query is',
  async (code) => {
    const polly = await start(keys);
    expect(await polly.query(code)).toMatchObject({
      exitCode: 1,
      error: { message: expect.stringContaining('a query is JSON such as') },
    });
  },
);

test('a key that is not there is named', async () => {
  const polly = await start({ AWS_ACCESS_KEY_ID: 'AKID' });
  expect(await polly.query('{"text": "a", "voiceId": "b"}')).toMatchObject({
    exitCode: 1,
    error: { message: 'kernelet: the variable AWS_SECRET_ACCESS_KEY is not set: give it to the kernel' },
  });
});
