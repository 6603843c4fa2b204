/** The metadata server with the networks that kernels may be on: their own, those made ahead, and none. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Callers } from '../../src/backendai/metadata/callers.ts';
import { type MetadataServer, startMetadataServer } from '../../src/backendai/metadata/metadata-server.ts';
import { targetOf } from '../../src/backendai/metadata/metadata-service.ts';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import type { ContainerSpec } from '../../src/engine/engine.ts';
import { type KernelRecord, noPlacement } from '../../src/kernel/record.ts';
import type { KernelNetwork } from '../../src/kernel/spec.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { withDeadline } from '../../src/lib/deadline.ts';
import type { ContainerId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { Bridge } from '../../src/network/bridge.ts';
import { noRefusedServices } from '../../src/network/cluster-services.ts';
import { machinePacketFilter } from '../../src/network/firewall/packet-filter.ts';
import { connectTestEngine, EngineLedger, shellSpec, within } from '../support/engine.ts';
import { recordFixture, specFixture } from '../support/kernel-record.ts';

let engine: DockerEngine;
let ledger: EngineLedger;
let bridge: Bridge;
let server: MetadataServer;
let records: readonly KernelRecord[] = [];
let inspected = 0;

beforeAll(async () => {
  engine = await connectTestEngine();
  ledger = new EngineLedger(engine);
  const callers = new Callers({
    kernels: { list: () => records },
    engine: {
      inspectContainer: (id, signal) => {
        inspected += 1;
        return engine.inspectContainer(id, signal);
      },
    },
    clock: systemClock,
  });
  server = await startMetadataServer({
    ...{ address: { host: '0.0.0.0', port: 0 }, callers, node: { isJail: false } },
    ...{ clock: systemClock, log: silentLogger },
  });
  bridge = new Bridge({
    ...{ engine, tag: randomBytes(4).toString('hex'), agentId: 'test', log: silentLogger, connectionLimit: 100 },
    ...{
      packetFilter: machinePacketFilter,
      refusedServices: noRefusedServices,
      metadata: () => targetOf(server.address),
    },
  });
  await withDeadline({ what: 'test', timeoutMs: 30_000 }, (deadline) => bridge.ensure(deadline));
});

afterAll(async () => {
  await ledger?.[Symbol.asyncDispose]();
  await bridge?.removeIfUnused(within(30_000));
  await server?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

const run = (network: ContainerSpec['network']): Promise<ContainerId> =>
  ledger.run(shellSpec('sleep 1000', { network }));

/** What a container is told of its environment, with the status line before it; blank where nothing answers. */
async function told(container: ContainerId): Promise<string> {
  const request = 'GET /latest/meta-data/envs HTTP/1.0\\r\\n\\r\\n';
  const program = `exec 3<>/dev/tcp/169.254.169.254/80 && printf '${request}' >&3 && cat <&3`;
  const { stdout } = await engine.exec(container, ['timeout', '5', 'bash', '-c', program], {}, within(20_000));
  const [head = '', body = ''] = new TextDecoder().decode(stdout).split('\r\n\r\n');
  return `${head.split('\r\n')[0]} ${body}`.trim();
}

function record(who: string, containerId: ContainerId, network: KernelNetwork, holder?: ContainerId): KernelRecord {
  const prewarmedNetwork = holder === undefined ? null : { container: holder, receivedBytes: 0, sentBytes: 0 };
  const spec = specFixture({ network, environ: [['WHO', who]] });
  return recordFixture({ spec, containerId, placement: { ...noPlacement, prewarmedNetwork } });
}

// @promise metadata-own-alone
it('is told to kernels on networks of their own and on those that they lease, to each its own, and to none without a network', async () => {
  const [own, holder, alone, nobody] = await Promise.all([
    run(bridge.name),
    run(bridge.name),
    run('none'),
    run(bridge.name),
  ]);
  const leasing = await run({ kind: 'join', container: holder });
  records = [
    record('own', own, 'bridge'),
    record('leasing', leasing, 'bridge', holder),
    record('alone', alone, 'none'),
  ];
  expect(await told(own)).toBe('HTTP/1.1 200 OK {"WHO": "own"}');
  expect(await told(leasing)).toBe('HTTP/1.1 200 OK {"WHO": "leasing"}');
  expect(await told(alone)).toBe('');
  // On the bridge, and no kernel's.
  expect(await told(nobody)).toBe('HTTP/1.1 403 Forbidden');
  for (let again = 0; again < 3; again += 1) expect(await told(leasing)).toContain('leasing');
  expect(inspected).toBe(2);
  // The next kernel on the same network.
  const next = await run({ kind: 'join', container: holder });
  records = [record('next', next, 'bridge', holder)];
  expect(await told(next)).toBe('HTTP/1.1 200 OK {"WHO": "next"}');
  expect(await told(own)).toBe('HTTP/1.1 403 Forbidden');
});
