/** The vector of a container's log: `fragments_hex`, cut into chunks, and the event that follows. */
import { LogChunker } from '../../../src/backendai/redis/container-log.ts';
import { eventArguments } from '../../../src/backendai/wire/events/agent-event.ts';
import { difference } from '../notation/compare.ts';
import { fromHex } from '../notation/hex.ts';
import { isObject, itemsOf, runCase, type VectorKind } from '../vector-kind.ts';

export const containerLog: VectorKind = {
  name: 'container log',
  recognises: (document) => isObject(document) && Array.isArray(document['fragments_hex']),
  run: (document) => {
    if (!isObject(document)) return [];
    return [
      runCase('chunks and event', () => {
        const chunker = new LogChunker(Number(document['chunk_size_used_here']));
        const fragments = (document['fragments_hex'] as string[]).map((hex) => fromHex(hex));
        const chunks = [...fragments.flatMap((fragment) => chunker.push(fragment)), ...chunker.end()];
        const [key, stored] = Object.entries(isObject(document['redis']) ? document['redis'] : {})[0] ?? ['', {}];
        const event = itemsOf(document, 'event')?.[0];
        const [kernel] = Array.isArray(event?.['args']) ? event['args'] : [];
        const args = eventArguments('do_sync_kernel_logs', {
          kernel: String(kernel),
          container: key.replace('containerlog.', ''),
        });
        return (
          difference(
            chunks.map((chunk) => Buffer.from(chunk).toString('hex')),
            isObject(stored) ? stored['list_hex'] : undefined,
            'chunks',
          ) ?? difference({ name: 'do_sync_kernel_logs', args }, event, 'event')
        );
      }),
    ];
  },
};
