import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { ContainerLog } from '../container-log.ts';
import { PipePool } from '../pipe-pool.ts';
import type { TenantCommand } from '../runtime.ts';
import { Tenant } from '../tenant.ts';
import { isPortOpen } from './service-process.ts';
import { SupervisedService } from './supervised-service.ts';

const log = new ContainerLog(() => true, { debug: false });
const ids = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const tenant = new Tenant({ ...ids, home: '/', pipes: new PipePool('/bin/sh'), log });
const serve = 'require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1")';

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

it('a supervised service that is stopped before its command is known starts nothing', async () => {
  const port = await freePort();
  const asked = Promise.withResolvers<void>();
  const known = Promise.withResolvers<TenantCommand>();
  const command = (): Promise<TenantCommand> => {
    asked.resolve();
    return known.promise;
  };
  const service = new SupervisedService({ name: 'server', port, command, tenant, clock: systemClock });
  const started = service.start();
  await asked.promise;
  await service.stop();
  known.resolve({ argv: [process.execPath, '-e', serve, String(port)] });
  expect(await started).toEqual({ status: 'failed', error: 'server was stopped while it started' });
  expect(await isPortOpen(port)).toBe(false);
  expect(await service.start()).toEqual({ status: 'started' });
  expect(await isPortOpen(port)).toBe(true);
  await service.stop();
  expect(await isPortOpen(port)).toBe(false);
});
