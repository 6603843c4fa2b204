/** The door for managers: the socket, its keys, and the server behind it (spec rpc 2.14, 4). */

import type { AgentSettings } from '../../config/settings.ts';
import { isLoopback } from '../../config/value-types/address.ts';
import type { Logger } from '../../lib/log.ts';
import { methods } from '../rpc/methods/index.ts';
import type { RpcServices } from '../rpc/rpc-method.ts';
import { maxMessageBytes, RpcServer } from '../rpc/rpc-server.ts';
import { type CurveKeys, loadCurveKeys } from '../transport/curve-keys.ts';
import { MessageRouter } from '../transport/message-router.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** The door. Disposing it closes the socket. */
export interface RpcEndpoint extends AsyncDisposable {
  /** What heartbeats announce, in Z85; null: calls come in plain text. */
  readonly publicKey: string | null;
  /** Whether anybody has called since the start. */
  readonly hasBeenCalled: boolean;
  /** Takes no new calls, and answers those that do not end in time. */
  stop(graceMs: number): Promise<void>;
}

/** Listens and answers. Throws INVALID_CONFIG for keys that cannot be read, STATE_UNUSABLE when the address cannot be had. */
export async function serveRpc(
  { settings, addresses, log }: Pick<ClusterParts, 'settings' | 'addresses' | 'log'>,
  services: RpcServices,
): Promise<RpcEndpoint> {
  const curve = await keysOf(settings.agent, log);
  const { rpcListen } = addresses;
  if (curve === null && !isLoopback(rpcListen.host)) {
    log.warn('agent.rpc-auth-agent-keypair is not set: whoever reaches the RPC address may run code in containers');
  }
  const socket = await MessageRouter.bind({ address: rpcListen, curve, maxMessageBytes, log });
  const server = new RpcServer({ socket, methods, services, log });
  const served = server.run().catch((error: unknown) => log.error('calls are no longer read', { error }));
  log.info('answering calls', { endpoint: socket.endpoint, encrypted: curve !== null, publicKey: curve?.publicKey });
  return {
    publicKey: curve?.publicKey ?? null,
    get hasBeenCalled() {
      return server.hasBeenCalled;
    },
    stop: (graceMs) => server.stop(graceMs),
    [Symbol.asyncDispose]: async () => {
      await socket[Symbol.asyncDispose]();
      await served;
    },
  };
}

/** The keys for CURVE; null: calls come in plain text. Throws INVALID_CONFIG. */
export async function keysOf(agent: AgentSettings, log: Logger): Promise<CurveKeys | null> {
  const { agentKeypairFile, managerPublicKeyFile } = agent;
  if (agentKeypairFile === null) return null;
  const managerPublicKeyFiles = managerPublicKeyFile === null ? [] : [managerPublicKeyFile];
  return await loadCurveKeys({ agentKeypairFile, managerPublicKeyFiles }, log);
}
