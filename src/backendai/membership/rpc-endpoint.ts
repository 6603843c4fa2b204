/** The endpoint that managers call: the socket, its keys, and the server behind it (spec rpc 2.14, 4). */
import type { AgentSettings, Settings } from '../../config/settings.ts';
import { isLoopback } from '../../config/value-types/address.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type Logger, silentLogger } from '../../lib/log.ts';
import { readTls } from '../etcd/etcd-adapter.ts';
import { methods } from '../rpc/methods/index.ts';
import type { RpcServices } from '../rpc/rpc-method.ts';
import { maxMessageBytes, RpcServer } from '../rpc/rpc-server.ts';
import { type CurveKeys, loadCurveKeys } from '../transport/curve-keys.ts';
import { MessageRouter } from '../transport/message-router.ts';
import type { MemberParts } from './member-parts.ts';

/** The endpoint. Disposing it closes the socket. */
export interface RpcEndpoint extends AsyncDisposable {
  /** Whether anybody has called since the start. */
  readonly hasBeenCalled: boolean;
  /** Takes no new calls, and answers those that do not end in time. */
  stop(graceMs: number): Promise<void>;
}

/** Listens and answers; `curve` is null for calls in plain text. Throws STATE_UNUSABLE when the address cannot be had. */
export async function serveRpc(
  { addresses, log }: Pick<MemberParts, 'addresses' | 'log'>,
  curve: CurveKeys | null,
  services: RpcServices,
): Promise<RpcEndpoint> {
  const { rpcListen } = addresses;
  if (curve === null && !isLoopback(rpcListen.host)) {
    const address = `${rpcListen.host}:${rpcListen.port}`;
    log.warn(
      `whoever reaches ${address} owns this machine: calls are neither encrypted nor is their sender known. Set agent.rpc-auth-agent-keypair and kernelet.require-rpc-auth, and let managers alone reach the port`,
    );
  }
  const socket = await MessageRouter.bind({ address: rpcListen, curve, maxMessageBytes, log });
  const server = new RpcServer({ socket, methods, services, log });
  const served = server.run().catch((error: unknown) => log.error('calls are no longer read', { error }));
  log.info('answering calls', { endpoint: socket.endpoint, encrypted: curve !== null, publicKey: curve?.publicKey });
  return {
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
export async function curveKeysOf(agent: AgentSettings, log: Logger): Promise<CurveKeys | null> {
  const { agentKeypairFile, managerPublicKeyFile, requiresRpcAuth } = agent;
  if (requiresRpcAuth && (agentKeypairFile === null || managerPublicKeyFile === null)) {
    const missing = agentKeypairFile === null ? 'agent.rpc-auth-agent-keypair' : 'agent.rpc-auth-manager-public-key';
    throw new KerneletError('INVALID_CONFIG', `${missing} is not set, and kernelet.require-rpc-auth asks for it`);
  }
  if (agentKeypairFile === null) return null;
  const managerPublicKeyFiles = managerPublicKeyFile === null ? [] : [managerPublicKeyFile];
  return await loadCurveKeys({ agentKeypairFile, managerPublicKeyFiles }, log);
}

/** Each reads some of them, and throws INVALID_CONFIG, naming the file, when it cannot be used. */
export const keyFileChecks = ({
  etcd,
  agent,
}: Pick<Settings, 'etcd' | 'agent'>): readonly (() => Promise<unknown>)[] => [
  async () => (etcd?.tls.enabled ? await readTls(etcd.tls) : null),
  async () => await curveKeysOf(agent, silentLogger),
];
