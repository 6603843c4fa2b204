/** Real Redis servers and sentinels on ports and in folders of their own. */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { RedisConnection } from '../../../src/backendai/redis/connection.ts';
import { RedisLink } from '../../../src/backendai/redis/link.ts';
import type { RedisSettings, RedisTls } from '../../../src/backendai/redis/settings.ts';
import type { TestCertificates } from './certificates.ts';
import { requireProgram } from './programs.ts';
import { settingsOf } from './redis-settings.ts';
import { freePorts, ownFolder, ServerProcess } from './server-process.ts';

/** How to start a server. */
export interface TestRedisOptions {
  readonly password?: string;
  readonly certificates?: TestCertificates;
  /** Port of the master that it follows. */
  readonly replicaOf?: number;
  /** Whether it has on disk what it has answered to, and again when it is started again. */
  readonly isDurable?: boolean;
}

/** A server that is gone with the test. Started again, it is empty, unless it is durable. */
export interface TestRedis extends AsyncDisposable {
  readonly port: number;
  readonly process: ServerProcess;
  readonly settings: RedisSettings;
  /** A link that tests look through. */
  link(database: number): RedisLink;
}

export async function startRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const command = requireProgram('redis-server');
  await using made = new AsyncDisposableStack();
  const folder = made.use(await ownFolder('redis'));
  const [port = 0] = await freePorts(1);
  const { password, certificates, replicaOf, isDurable = false } = options;
  const tls: RedisTls | null = certificates
    ? { verify: true, authority: readFileSync(certificates.authority, 'utf8') }
    : null;
  const secured = certificates
    ? [
        ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'no'],
        ...['--tls-cert-file', certificates.certificate, '--tls-key-file', certificates.key],
        ...['--tls-ca-cert-file', certificates.authority],
      ]
    : ['--port', String(port)];
  const args = [
    ...secured,
    ...['--bind', '127.0.0.1', '--dir', folder.path, '--save', ''],
    ...(isDurable ? ['--appendonly', 'yes', '--appendfsync', 'always'] : ['--appendonly', 'no']),
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
    ...(replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf)]),
  ];
  const settings = settingsOf(port, { tls, password: password ?? null });
  const process = made.use(new ServerProcess({ command, args, ready: () => answers(settings, port) }));
  await process.start();
  const owned = made.move();
  const link = (database: number): RedisLink => owned.use(new RedisLink(settings, database));
  return { port, process, settings, link, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Sentinels that watch a master. */
export interface TestSentinels extends AsyncDisposable {
  readonly ports: readonly number[];
}

/** Starts `count` sentinels, which take a master for dead after half a second. */
export async function startSentinels(
  count: number,
  master: { readonly port: number; readonly service: string; readonly password: string },
): Promise<TestSentinels> {
  const command = requireProgram('redis-server');
  await using made = new AsyncDisposableStack();
  const folder = made.use(await ownFolder('sentinel'));
  const ports = await freePorts(count);
  for (const port of ports) {
    const file = path.join(folder.path, `${port}.conf`);
    const { service, password } = master;
    writeFileSync(
      file,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${folder.path}`,
        `requirepass ${password}`,
        `sentinel sentinel-pass ${password}`,
        `sentinel monitor ${service} 127.0.0.1 ${master.port} ${Math.floor(count / 2) + 1}`,
        `sentinel auth-pass ${service} ${password}`,
        `sentinel down-after-milliseconds ${service} 500`,
        `sentinel failover-timeout ${service} 3000`,
        '',
      ].join('\n'),
    );
    const settings = settingsOf(port, { password });
    const process = made.use(
      new ServerProcess({ command, args: [file, '--sentinel'], ready: () => answers(settings, port) }),
    );
    await process.start();
  }
  const owned = made.move();
  return { ports, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function answers(settings: RedisSettings, port: number): Promise<boolean> {
  const address = { host: '127.0.0.1', port };
  using connection = await RedisConnection.open({ ...settings, address, database: 0 });
  const [reply] = await connection.send([['PING']]);
  return reply === 'PONG';
}
