/**
 * Puts simulated packages in the place of those by which the agent reaches its cluster, for what is loaded afterwards: each is
 * known to one module of the agent alone.
 */
import { registerHooks } from 'node:module';

const standIns = new Map([
  ['@redis/client', '../cluster/redis-client.ts'],
  ['@connectrpc/connect-node', '../cluster/etcd-transport.ts'],
  ['zeromq', '../cluster/zeromq.ts'],
]);

registerHooks({
  resolve(specifier, context, next) {
    const standIn = standIns.get(specifier);
    if (standIn === undefined) return next(specifier, context);
    return { url: new URL(standIn, import.meta.url).href, shortCircuit: true };
  },
});
