import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { type AskMetadata, askMetadata, detectNode } from './detected-node.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'kernelet-machine-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const dmi = '/sys/devices/virtual/dmi/id';
async function machine(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [file, text] of Object.entries(files)) {
    await mkdir(path.dirname(root + file), { recursive: true });
    await writeFile(root + file, text);
  }
}

const detect = (ask: AskMetadata, wasUpstream = false) => detectNode({ ask, root, hostname: 'node7', wasUpstream });
/** A service that knows these addresses, for those who show the header. */
const service =
  (answers: Readonly<Record<string, string>>, header: readonly [name: string, value: string]): AskMetadata =>
  async (url, { method = 'GET', headers = {} }) =>
    method === 'PUT' || headers[header[0]] === header[1] ? (answers[`${method} ${url}`] ?? null) : null;
const silent: AskMetadata = async () => null;

it('asks nobody on premises', async () => {
  await machine({ [`${dmi}/board_vendor`]: 'Dell Inc.\n' });
  const asked = (): never => {
    throw new Error('asked');
  };
  expect(await detect(asked)).toEqual({
    cloud: null,
    id: 'i-node7',
    ip: null,
    instanceType: 'default',
    region: 'local',
  });
});

it('shows a token where Amazon gives one', async () => {
  await machine({ [`${dmi}/board_vendor`]: 'Amazon EC2\n' });
  const base = 'http://169.254.169.254/latest';
  const answers = {
    [`PUT ${base}/api/token`]: 'TOKEN',
    [`GET ${base}/meta-data/instance-id`]: 'i-0abc',
    [`GET ${base}/meta-data/local-ipv4`]: '10.1.2.3',
    [`GET ${base}/meta-data/instance-type`]: 'p3.2xlarge',
    [`GET ${base}/dynamic/instance-identity/document`]: '{"region":"eu-west-1"}',
  };
  expect(await detect(service(answers, ['X-aws-ec2-metadata-token', 'TOKEN']))).toEqual({
    cloud: 'amazon',
    id: 'i-0abc',
    ip: '10.1.2.3',
    instanceType: 'p3.2xlarge',
    region: 'amazon/eu-west-1',
  });
  expect(await detect(silent)).toEqual({
    cloud: 'amazon',
    id: 'i-node7',
    ip: '127.0.0.1',
    instanceType: 'unknown',
    region: 'amazon/unknown',
  });
});

it('keeps the id that upstream had in Azure', async () => {
  await machine({ '/var/lib/dhcp/dhclient.eth0.leases': 'option unknown-245 a8:3f:81:10;' });
  const document = {
    compute: { vmId: 'vm-1', vmSize: 'Standard_NC6', location: 'koreacentral' },
    network: { interface: [{ ipv4: { ipAddress: [{ privateIpAddress: '10.0.0.4' }] } }] },
  };
  const url = 'GET http://169.254.169.254/metadata/instance?api-version=2021-02-01';
  const ask = service({ [url]: JSON.stringify(document) }, ['Metadata', 'true']);
  const found = { cloud: 'azure', id: 'vm-1', ip: '10.0.0.4', instanceType: 'Standard_NC6' };
  expect(await detect(ask)).toEqual({ ...found, region: 'azure/koreacentral' });
  expect((await detect(ask, true)).id).toBe('i-node7');
});

it('takes the end off the zone in Google', async () => {
  await machine({ [`${dmi}/bios_version`]: 'Google\n' });
  const base = 'GET http://metadata.google.internal/computeMetadata/v1/instance';
  const answers = {
    [`${base}/id`]: '12345',
    [`${base}/network-interfaces/0/ip`]: '10.128.0.2',
    [`${base}/machine-type`]: 'projects/1/machineTypes/n1-standard-1',
    [`${base}/zone`]: 'projects/1/zones/asia-northeast3-a',
  };
  expect(await detect(service(answers, ['Metadata-Flavor', 'Google']))).toEqual({
    cloud: 'google',
    id: '12345',
    ip: '10.128.0.2',
    instanceType: 'projects/1/machineTypes/n1-standard-1',
    region: 'google/projects/1/zones/asia-northeast3',
  });
});

it('asks a service again that is not up yet, and takes a refusal for an answer', async () => {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (request.url === '/refused') response.writeHead(404).end('no');
    else if (asked === 1) response.writeHead(503).end();
    else response.end(`${request.method} ${String(request.headers['metadata'])}\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const base = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
  try {
    const clock = new FakeClock();
    const asking = askMetadata(`${base}/`, { method: 'PUT', headers: { Metadata: 'true' } }, clock);
    await expect.poll(() => clock.pending).toBe(1);
    await clock.advance(500);
    expect(await asking).toBe('PUT true');
    expect(await askMetadata(`${base}/refused`, {})).toBeNull();
    expect(asked).toBe(3);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});
