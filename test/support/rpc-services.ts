/** What RPC methods work with, in tests: a given agent, or one that has no engine. */
import type { Agent } from '../../src/agent/agent.ts';
import { Executions } from '../../src/agent/cluster/executions.ts';
import { LocalNetworks } from '../../src/agent/cluster/local-networks.ts';
import { PortLoans } from '../../src/agent/cluster/port-loans.ts';
import { DummyEngine } from '../../src/engine/dummy/dummy-engine.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { FakeAgent } from '../../src/http/fake-agent.test-support.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { PortPool } from '../../src/resources/port-pool.ts';
import type { RpcServices } from '../../src/rpc/rpc-method.ts';

/** Services whose parts a test may look at. */
export interface TestServices extends RpcServices {
  readonly pool: PortPool;
  /** What was told of ends, one line each: told and quiet ones. */
  readonly told: string[];
}

/** Makes them. */
export function rpcServices(agent: Agent = new FakeAgent(), engine: Engine = new DummyEngine()): TestServices {
  const told: string[] = [];
  const pool = new PortPool({ first: 30_000, last: 30_002, clock: systemClock });
  return {
    agentId: 'i-test',
    localConfig: { abuseReportPath: null, watcher: null },
    agent,
    executions: new Executions(agent),
    networks: new LocalNetworks(engine, systemClock),
    ports: new PortLoans(pool, systemClock),
    ends: {
      tellEnded: (kernel, session, reason) => void told.push(`${kernel} of ${session}: ${reason}`),
      keepQuiet: (kernel) => void told.push(`quiet ${kernel}`),
    },
    pool,
    told,
  };
}
