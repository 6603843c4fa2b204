/** Real etcd servers, alone or three together, on ports and in folders of their own. */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { EtcdEndpoint, type EtcdTls } from '../../../src/backendai/etcd/endpoint.ts';
import type { TestCertificates } from './certificates.ts';
import { requireProgram } from './programs.ts';
import { freePorts, ownFolder, ServerProcess } from './server-process.ts';

export interface EtcdMember {
  readonly port: number;
  readonly address: string;
  readonly process: ServerProcess;
  /** Kills it, takes its data away and starts it again. */
  restartEmpty(): Promise<void>;
}

/** Servers that are gone with the test. */
export interface TestEtcd extends AsyncDisposable {
  readonly members: readonly EtcdMember[];
  readonly tls: EtcdTls | null;
}

/** The certificates as a client takes them. */
export function clientTls(files: TestCertificates): EtcdTls {
  const pem = (file: string): string => readFileSync(file, 'utf8');
  return { authority: pem(files.authority), certificate: pem(files.certificate), key: pem(files.key) };
}

/** Starts `count` servers as one cluster; with `certificates`, clients must show one. */
export async function startEtcd(count = 1, certificates: TestCertificates | null = null): Promise<TestEtcd> {
  const etcd = requireProgram('etcd');
  await using made = new AsyncDisposableStack();
  const folder = made.use(await ownFolder('etcd'));
  const ports = await freePorts(count * 2);
  const tls = certificates ? clientTls(certificates) : null;
  const scheme = tls ? 'https' : 'http';
  const peer = (index: number): string => `http://127.0.0.1:${ports[count + index]}`;
  const cluster = Array.from({ length: count }, (_, index) => `m${index}=${peer(index)}`).join(',');
  const members = Array.from({ length: count }, (_, index): EtcdMember => {
    const port = ports[index] ?? 0;
    const address = `127.0.0.1:${port}`;
    const data = path.join(folder.path, `m${index}`);
    const urls = ['--listen-client-urls', '--advertise-client-urls'].flatMap((flag) => [
      flag,
      `${scheme}://${address}`,
    ]);
    const peers = ['--listen-peer-urls', '--initial-advertise-peer-urls'].flatMap((flag) => [flag, peer(index)]);
    const secure = certificates
      ? [
          '--cert-file',
          certificates.certificate,
          '--key-file',
          certificates.key,
          '--trusted-ca-file',
          certificates.authority,
          '--client-cert-auth',
        ]
      : [];
    const timing = ['--heartbeat-interval', '100', '--election-timeout', '1000'];
    const process = made.use(
      new ServerProcess({
        command: etcd,
        args: [
          '--name',
          `m${index}`,
          '--data-dir',
          data,
          '--initial-cluster',
          cluster,
          ...urls,
          ...peers,
          ...secure,
          ...timing,
        ],
        ready: () => answers(address, tls),
      }),
    );
    const restartEmpty = async (): Promise<void> => {
      await process.kill();
      rmSync(data, { recursive: true, force: true });
      await process.start();
    };
    return { port, address, process, restartEmpty };
  });
  await Promise.all(members.map(({ process }) => process.start()));
  const owned = made.move();
  return { members, tls, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function answers(address: string, tls: EtcdTls | null): Promise<boolean> {
  using endpoint = new EtcdEndpoint(address, tls);
  await endpoint
    .transact([{ read: { key: Buffer.from('x') } }], null, { timeoutMs: 1000, token: null })
    .catch((error) => {
      if (!/user name is empty/.test(String(error))) throw error;
    });
  return true;
}
