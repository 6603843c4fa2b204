/** What befalls the services of a simulated cluster, as a schedule says. */
import type { ClusterAction } from '../schedule.ts';
import type { Simulation } from '../simulation.ts';

/** Until a manager and its installation have put into an empty etcd what belongs there. */
const settleMs = 3_000;

/** Has one befall them now; what is over after a time is so no later than when everything is well. */
export function befallCluster(simulation: Simulation, action: ClusterAction): void {
  const { cluster } = simulation;
  const server = action.do.endsWith('redis') || action.do.startsWith('redis') ? cluster.redis : cluster.etcd;
  const { service } = server;
  switch (action.do) {
    case 'fail-redis':
    case 'fail-etcd': {
      const { call, fault, after = 0 } = action;
      simulation.tell(`${service.name}: the next ${call} after ${after} others is to end so: ${fault}`);
      service.faults.plan(call, fault, after);
      return;
    }
    case 'redis-hangs':
    case 'etcd-hangs':
      simulation.tell(`${service.name} hangs for ${action.forMs} ms`);
      service.hang(action.forMs);
      return;
    default: {
      if (!service.isUp) return;
      const { forMs, empties } = action;
      simulation.tell(`${service.name} is away for ${forMs} ms${empties ? ', and comes back empty' : ''}`);
      cluster.hasLostEvents ||= empties && server === cluster.redis;
      server.stop({ empties });
      simulation.later(forMs, () => {
        service.start();
        simulation.tell(`${service.name} is back`);
        if (empties) simulation.later(settleMs, () => cluster.settle());
      });
    }
  }
}
