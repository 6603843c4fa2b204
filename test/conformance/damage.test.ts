import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { damageAt } from './damage.ts';
import { capturedExchange } from './kinds/captured-exchange.ts';
import { capturedMessages } from './kinds/captured-messages.ts';
import { capturedRedis } from './kinds/captured-redis.ts';
import { capturedStream } from './kinds/captured-stream.ts';
import { containerLog } from './kinds/container-log.ts';
import { events } from './kinds/events.ts';
import { extensionTypes } from './kinds/extension-types.ts';
import { rpcCurve } from './kinds/rpc-curve.ts';
import { rpcFraming } from './kinds/rpc-framing.ts';
import { rpcMalformed } from './kinds/rpc-malformed.ts';
import { rpcMethods } from './kinds/rpc-methods.ts';
import { rpcSerialiser } from './kinds/rpc-serialiser.ts';
import type { VectorKind } from './vector-kind.ts';

const vectors = path.resolve(import.meta.dirname, '..', 'vectors');
const read = (file: string): unknown => JSON.parse(readFileSync(path.join(vectors, file), 'utf8'));
const heartbeat = (read('events/events-24.09.json') as { vectors: { id: string }[] }).vectors.findIndex(
  ({ id }) => id === 'agent_heartbeat_plain',
);

/** Places that each kind must compare, in the first case of a file that has them. */
const compared: readonly (readonly [string, VectorKind, readonly (string | number)[]])[] = [
  ['rpc/curve.json', rpcCurve, ['exchanges', 0, 'zap', 'reply_hex', 2]],
  ['rpc/curve.json', rpcCurve, ['keys', 'manager', 'public_z85']],
  ['rpc/curve.json', rpcCurve, ['certificate_parsing', 0, 'public']],
  ['rpc/framing.json', rpcFraming, ['exchanges', 2, 'messages', 0, 'header', 'seq']],
  ['rpc/framing.json', rpcFraming, ['exchanges', 2, 'messages', 1, 'frames_hex']],
  ['rpc/malformed.json', rpcMalformed, ['cases', 3, 'frames_hex', 0]],
  ['rpc/malformed.json', rpcMalformed, ['cases', 15, 'frames_hex', 1]],
  ['rpc/methods.json', rpcMethods, ['calls', 0, 'result']],
  ['rpc/methods.json', rpcMethods, ['calls', 5, 'args']],
  ['rpc/msgpack-types.json', rpcSerialiser, ['vectors', 5, 'hex']],
  ['rpc/msgpack-types.json', rpcSerialiser, ['alternatives', 1, 'decoded', '$enum', 'value']],
  ['rpc/msgpack-types.json', rpcSerialiser, ['unpackable_types', 0]],
  ['rpc/v26.json', rpcMethods, ['ext', 0, 'decoded']],
  ['events/events-24.09.json', events, ['vectors', 0, 'args']],
  ['events/events-24.09.json', events, ['vectors', heartbeat, 'args_portable_hex']],
  ['events/events-24.09.json', events, ['vectors', heartbeat, 'images_decoded', 'decoded']],
  ['events/events-later.json', events, ['vectors', 2, 'fields', 'args']],
  ['events/ext-types-24.09.json', extensionTypes, ['items', 0, 'decoded', 'value']],
  ['events/ext-types-24.09.json', extensionTypes, ['hand_written_equivalents', 0, 'payload_hex']],
  ['events/container-log-24.09.json', containerLog, ['redis']],
  ['captured/stream-events.json', capturedStream, [0, 'args']],
  ['captured/rpc-handshake.json', capturedMessages, [1, 'frames_hex']],
  ['captured/rpc-cancel.json', capturedMessages, ['cancel_messages', 0, 'header', 'seq']],
  ['captured/rpc-ping.json', capturedExchange, [0, 'reply', 'body']],
  ['captured/rpc-commit.json', capturedExchange, [0, 'request', 'body']],
  ['captured/redis-keys.json', capturedRedis, [0, 'msgpack']],
];

describe('a damaged vector', () => {
  it.each(compared)('of %s fails', async (file, kind, place) => {
    const broken = damageAt(read(file), place);
    expect(broken).toBeDefined();
    const results = await kind.run(broken);
    expect(results.filter(({ problem }) => problem !== null).length).toBeGreaterThan(0);
  });
});
