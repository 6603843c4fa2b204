/** The kinds of vector files that are known. */
import type { VectorKind } from '../vector-kind.ts';
import { backgroundTasks } from './background-tasks.ts';
import { capturedExchange } from './captured-exchange.ts';
import { capturedMessages } from './captured-messages.ts';
import { capturedRedis } from './captured-redis.ts';
import { capturedStream } from './captured-stream.ts';
import { containerLog } from './container-log.ts';
import { capturedEtcd, etcd } from './etcd.ts';
import { events } from './events.ts';
import { extensionTypes } from './extension-types.ts';
import { managerTraffic } from './manager-traffic.ts';
import { redisKeys } from './redis-keys.ts';
import { resources } from './resources.ts';
import { rpcCurve } from './rpc-curve.ts';
import { rpcFraming } from './rpc-framing.ts';
import { rpcMalformed } from './rpc-malformed.ts';
import { rpcMethods } from './rpc-methods.ts';
import { rpcSerialiser } from './rpc-serialiser.ts';
import { statistics } from './statistics.ts';

/** All kinds; the first that recognises a file runs it. */
export const kinds: readonly VectorKind[] = [
  resources,
  statistics,
  rpcFraming,
  rpcCurve,
  rpcMethods,
  rpcMalformed,
  rpcSerialiser,
  managerTraffic,
  events,
  extensionTypes,
  containerLog,
  capturedExchange,
  capturedStream,
  capturedMessages,
  capturedRedis,
  etcd,
  capturedEtcd,
  redisKeys,
  backgroundTasks,
];
