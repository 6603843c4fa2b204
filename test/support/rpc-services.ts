/** What RPC methods work with, in tests: a given agent, or one that has no engine. */
import type { Agent } from '../../src/agent/agent.ts';
import { creationInfoOf } from '../../src/agent/cluster/creation-info-of.ts';
import { Creations } from '../../src/agent/cluster/creations.ts';
import { Executions } from '../../src/agent/cluster/executions.ts';
import { PortLoans } from '../../src/agent/cluster/port-loans.ts';
import { DummyEngine } from '../../src/engine/dummy/dummy-engine.ts';
import { FakeAgent } from '../../src/http/fake-agent.test-support.ts';
import type { Kernels } from '../../src/kernel/kernels.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { KernelId } from '../../src/lib/ids.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { SessionNetworks } from '../../src/network/session-networks.ts';
import { PortPool } from '../../src/resources/port-pool.ts';
import type { ManagerNews, RpcServices } from '../../src/rpc/rpc-method.ts';
import type { CreationInfo } from '../../src/wire/cluster/creation-info.ts';
import { recordFixture } from './kernel-record.ts';

/** Services whose parts a test may look at. */
export interface TestServices extends RpcServices {
  readonly pool: PortPool;
  /** What was told of ends, one line each: told and quiet ones. */
  readonly told: string[];
}

/** How the node is known. */
const node = { kernelHost: '10.0.0.5', agentAddress: 'tcp://10.0.0.5:6001', scalingGroup: 'default' };

/** Networks of an engine of their own, which nobody filters. */
const unfiltered = (): SessionNetworks =>
  new SessionNetworks({
    engine: new DummyEngine(),
    tag: '0a1b2c3d',
    agentId: 'i-test',
    clock: systemClock,
    log: silentLogger,
    iptables: async () => ({ exitCode: 0, stderr: '' }),
  });

/** Makes them; `kernels` has the records of the agent's kernels. */
export function rpcServices(
  agent: Agent = new FakeAgent(),
  kernels: Pick<Kernels, 'get'> = { get: () => recordFixture() },
  networks: RpcServices['networks'] = unfiltered(),
): TestServices {
  const told: string[] = [];
  const infoOf = (kernel: KernelId): CreationInfo => creationInfoOf(kernels.get(kernel), node);
  const news: ManagerNews = {
    tellEnded: (kernel, session, reason) => void told.push(`${kernel} of ${session}: ${reason}`),
    keepQuiet: (kernel) => void told.push(`quiet ${kernel}`),
    tellPulling: (kernel, _, image) => void told.push(`${kernel} pulls ${image}`),
    askResourceCheck: () => void told.push('resource check'),
  };
  const pool = new PortPool({ first: 30_000, last: 30_002, clock: systemClock });
  return {
    agentId: 'i-test',
    localConfig: { abuseReportPath: null, watcher: null },
    agent,
    executions: new Executions(agent),
    networks,
    ports: new PortLoans(pool, systemClock),
    news,
    infoOf,
    creations: new Creations({ agent, news, infoOf, concurrency: 2 }),
    pool,
    told,
  };
}
