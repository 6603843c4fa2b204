/**
 * Loaded into a daemon before its own program (`--import`): whoever connects to the socket that SOAK_PROBE names gets what is in
 * the memory of that process when all garbage is gone, as JSON, and with it what keeps its event loop.
 */
import { EventEmitter } from 'node:events';
import { createServer, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapSpaceStatistics, queryObjects } from 'node:v8';

const timer = setTimeout(() => {}, 0);
clearTimeout(timer);
const classes = {
  Timeout: timer.constructor,
  Promise,
  Socket,
  EventEmitter,
  AbortSignal,
  ReadableStream,
  Bytes: Uint8Array,
  Error,
  Map,
  Set,
  Function,
  Object,
};

async function inMemory(): Promise<Readonly<Record<string, number>>> {
  for (let pass = 0; pass < 3; pass += 1) {
    globalThis.gc?.();
    // What is freed frees more only when finalizers have run.
    await sleep(10);
  }
  const counts: Record<string, number> = {};
  for (const [name, one] of Object.entries(classes)) {
    counts[`object ${name}`] = queryObjects(one as typeof Object, { format: 'count' }) as number;
  }
  for (const name of process.getActiveResourcesInfo()) {
    counts[`resource ${name}`] = (counts[`resource ${name}`] ?? 0) + 1;
  }
  const spaces = getHeapSpaceStatistics().filter(({ space_name: name }) => /^(old|large_object)_space$/.test(name));
  const { rss, external } = process.memoryUsage();
  return {
    ...counts,
    'heap KB': Math.round(spaces.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0) / 1024),
    'external KB': Math.round(external / 1024),
    'resident KB': Math.round(rss / 1024),
  };
}

const place = process.env['SOAK_PROBE'];
delete process.env['SOAK_PROBE'];
createServer((client) => {
  client.on('error', () => {});
  void inMemory().then((counts) => client.end(JSON.stringify(counts)));
})
  .listen(place)
  .unref();
