/** Keeps the log of a kernel's last container for managers (spec cluster-state 6). */

import type { NodeAdapter } from '../../agent/assembled-node.ts';
import { systemClock as clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/log.ts';
import { LastLogs } from '../operations/last-logs.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** Makes what keeps them: with the engine that has the log, in Redis, told as an event. */
export function logKeeper(parts: {
  readonly engine: Parameters<NodeAdapter['keepLog']>[0];
  readonly redis: ClusterParts['redis'];
  readonly book: ClusterParts['book'];
  readonly limits: ClusterParts['limits'];
  readonly log: Logger;
}): ReturnType<NodeAdapter['keepLog']> {
  const { engine, redis, book, limits, log } = parts;
  const logs = new LastLogs({
    engine,
    store: (content, where) => redis.storeLog(content, where),
    tell: (kernel, container) => book.announce('do_sync_kernel_logs', { kernel, container }),
    chunkBytes: () => limits.containerLogChunkBytes,
    clock,
    log,
  });
  return (...of) => logs.keep(...of);
}
