/**
 * What a machine is found to be, when nobody has said it: by its own files and, in a cloud, by the metadata service there
 * (spec config-and-ops 8).
 */

import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { hostname } from 'node:os';
import { type Clock, sleep, systemClock } from '../../lib/clock.ts';
import { list, object, type Reader, readOrNull, such, text } from '../../lib/json-reader.ts';

/** What stands in for keys of the configuration that are blank; upstream chooses the same. */
export interface DetectedNode {
  readonly cloud: CloudKind;
  readonly id: string;
  /** In a cloud; null on premises. */
  readonly ip: string | null;
  readonly instanceType: string;
  readonly region: string;
}

/** The machine as detection sees it; tests give another one. */
export interface DetectionOptions {
  readonly ask: AskMetadata;
  /** Stands for `/`. */
  readonly root?: string;
  /** The machine's own when absent. */
  readonly hostname?: string;
  /**
   * Whether an agent of upstream's has been here: in Azure it never learnt its id, and the node keeps the one that it had.
   */
  readonly wasUpstream: boolean;
}

const loopback = '127.0.0.1';

/** Detects. Never throws. */
export async function detectNode(options: DetectionOptions): Promise<DetectedNode> {
  const { ask, root = '', wasUpstream } = options;
  const named = `i-${options.hostname ?? hostname()}`;
  const read = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8').catch(() => '');
  const cloud = cloudKind({
    boardVendor: await read('/sys/devices/virtual/dmi/id/board_vendor'),
    biosVersion: await read('/sys/devices/virtual/dmi/id/bios_version'),
    leases: await read('/var/lib/dhcp/dhclient.eth0.leases'),
  });
  if (cloud === null) return { cloud, id: named, ip: null, instanceType: 'default', region: 'local' };
  const { id, ip, instanceType, region } = await cloudFacts(cloud, ask);
  return {
    cloud,
    id: id === null || (cloud === 'azure' && wasUpstream) ? named : id,
    ip: ip ?? loopback,
    instanceType: instanceType ?? 'unknown',
    region,
  };
}

/** What a cloud calls one machine. */
export interface CloudFacts {
  readonly id: string | null;
  readonly ip: string | null;
  readonly instanceType: string | null;
  /** With the cloud's name in front. */
  readonly region: string;
}

/** Asks a metadata service, within a deadline of its own. null: no answer, or one that is none. */
export type AskMetadata = (
  url: string,
  options: { readonly method?: 'GET' | 'PUT'; readonly headers?: Readonly<Record<string, string>> },
) => Promise<string | null>;

const linkLocal = 'http://169.254.169.254';
const google = 'http://metadata.google.internal/computeMetadata/v1';
const tokenSeconds = '60';

/** Asks for all of them. */
async function cloudFacts(kind: NonNullable<CloudKind>, ask: AskMetadata): Promise<CloudFacts> {
  if (kind === 'amazon') return await amazonFacts(ask);
  return kind === 'azure' ? await azureFacts(ask) : await googleFacts(ask);
}

/** With a token, as machines may demand it; without, where there are none. */
async function amazonFacts(ask: AskMetadata): Promise<CloudFacts> {
  const token = await ask(`${linkLocal}/latest/api/token`, {
    method: 'PUT',
    headers: { 'X-aws-ec2-metadata-token-ttl-seconds': tokenSeconds },
  });
  const headers: Record<string, string> = token === null ? {} : { 'X-aws-ec2-metadata-token': token };
  const get = (path: string): Promise<string | null> => ask(`${linkLocal}/latest/${path}`, { headers });
  const [id, ip, instanceType, document] = await Promise.all([
    get('meta-data/instance-id'),
    get('meta-data/local-ipv4'),
    get('meta-data/instance-type'),
    get('dynamic/instance-identity/document'),
  ]);
  return { id, ip, instanceType, region: `amazon/${said(at('region', filled), document) ?? 'unknown'}` };
}

async function azureFacts(ask: AskMetadata): Promise<CloudFacts> {
  const url = `${linkLocal}/metadata/instance?api-version=2021-02-01`;
  const document = await ask(url, { headers: { Metadata: 'true' } });
  const address = at('ipv4', at('ipAddress', first(at('privateIpAddress', filled))));
  return {
    id: said(at('compute', at('vmId', filled)), document),
    ip: said(at('network', at('interface', first(address))), document),
    instanceType: said(at('compute', at('vmSize', filled)), document),
    region: `azure/${said(at('compute', at('location', filled)), document) ?? 'unknown'}`,
  };
}

async function googleFacts(ask: AskMetadata): Promise<CloudFacts> {
  const headers = { 'Metadata-Flavor': 'Google' };
  const get = (path: string): Promise<string | null> => ask(`${google}/instance/${path}`, { headers });
  const [id, ip, instanceType, zone] = await Promise.all([
    get('id'),
    get('network-interfaces/0/ip'),
    get('machine-type'),
    get('zone'),
  ]);
  // The path in front of the zone is part of the name, as upstream has it.
  return { id, ip, instanceType, region: `google/${zone?.replace(/-[^-]*$/, '') ?? 'unknown'}` };
}

const filled = such(text, (value) => value !== '', 'a text that says something');
const at = <T>(name: string, read: Reader<T>): Reader<T> => object((field) => field(name, read));
const first =
  <T>(read: Reader<T>): Reader<T> =>
  (value, place) =>
    read(list((item) => item)(value, place)[0], `${place}[0]`);

/** null for what the document does not say. */
const said = <T>(read: Reader<T>, document: string | null): T | null =>
  document === null ? null : readOrNull(read, document);

/** A cloud; null: on premises. */
type CloudKind = 'amazon' | 'azure' | 'google' | null;

/** Texts of files of the machine; blank where a file is absent. */
interface CloudHints {
  /** `/sys/devices/virtual/dmi/id/board_vendor`. */
  readonly boardVendor: string;
  /** `/sys/devices/virtual/dmi/id/bios_version`. */
  readonly biosVersion: string;
  /** `/var/lib/dhcp/dhclient.eth0.leases`. */
  readonly leases: string;
}

/** Which cloud the machine is in, by what its firmware says of itself; Azure by its leases. */
function cloudKind({ boardVendor, biosVersion, leases }: CloudHints): CloudKind {
  const bios = biosVersion.toLowerCase();
  if (boardVendor.toLowerCase().includes('amazon')) return 'amazon';
  if (bios.includes('google')) return 'google';
  if (bios.includes('amazon')) return 'amazon';
  return leases.includes('unknown-245') ? 'azure' : null;
}

/** For one attempt: a service that is there answers in some milliseconds. */
const timeoutMs = 1_000;
const attempts = 3;
const pauseMs = 500;
const maxBytes = 256 * 1024;

/** Asks, up to three times. A refusal is an answer. */
export async function askMetadata(
  url: string,
  options: Parameters<AskMetadata>[1],
  clock: Clock = systemClock,
): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await attemptOne(url, options);
    } catch {
      if (attempt >= attempts) return null;
    }
    await sleep(clock, pauseMs);
  }
}

function attemptOne(url: string, { method = 'GET', headers = {} }: Parameters<AskMetadata>[1]) {
  return new Promise<string | null>((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const asked = request(url, { method, headers, signal, agent: false }, (response) => {
      const { statusCode = 0 } = response;
      let answer = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        answer += piece;
        if (answer.length > maxBytes) response.destroy(new Error('the answer is too long'));
      });
      response.on('error', reject);
      response.on('end', () => {
        if (statusCode >= 500) reject(new Error(`status ${statusCode}`));
        else resolve(statusCode === 200 && answer.trim() !== '' ? answer.trim() : null);
      });
    });
    asked.on('error', reject);
    asked.end();
  });
}
