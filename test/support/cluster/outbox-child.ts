/**
 * An agent's part for tests that kill it: posts `count` events of each of `kernels` kernels into an outbox and sends
 * them, one every `pauseMs`. Says `posted N` after each. Arguments: file, port, kernels, count, pauseMs, first.
 */

import { Outbox } from '../../../src/backendai/events/outbox.ts';
import { SequencedAppender } from '../../../src/backendai/redis/event-stream.ts';
import { RedisLink } from '../../../src/backendai/redis/link.ts';
import { systemClock as clock, sleep } from '../../../src/lib/clock.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { StateWrites } from '../../../src/lib/state-writes.ts';
import { settingsOf } from './redis-settings.ts';

const [file = '', port = '', kernels = '', count = '', pauseMs = '', first = ''] = process.argv.slice(2);
using link = new RedisLink(settingsOf(Number(port), { commandTimeoutMs: 1000 }), 4);
const writes = new StateWrites();
// The usual bound of the stream would take the oldest events from tests that want to see all of them at the end.
const target = new SequencedAppender(link, 'i-one', 1_000_000);
await using outbox = new Outbox(file, { target, writes, clock, log });
const stop = new AbortController();
const running = outbox.run(stop.signal);
for (let number = Number(first); number < Number(count); number += 1) {
  for (let kernel = 0; kernel < Number(kernels); kernel += 1) {
    outbox.post({
      name: `kernel-${kernel}`,
      source: 'i-one',
      args: Buffer.from([0x91, 0xcd, number >> 8, number & 255]),
    });
  }
  // Nobody is told of an event before the disk has it.
  await writes.settled(10_000);
  process.stdout.write(`posted ${number}\n`);
  await sleep(clock, Number(pauseMs));
}
// Longer than the longest outage of the tests, which lasts ten minutes.
await outbox.settled(AbortSignal.timeout(660_000));
stop.abort();
await running;
process.stdout.write('settled\n');
