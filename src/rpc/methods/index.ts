/** The methods that are served. */
import type { RpcMethod } from '../rpc-method.ts';
import { getLocalConfig } from './get-local-config.ts';
import { ping } from './ping.ts';
import { shutdownAgent } from './shutdown-agent.ts';

/** All methods. */
export const methods: readonly RpcMethod[] = [ping, getLocalConfig, shutdownAgent];
