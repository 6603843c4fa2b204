/** Bytes over the network, from the container's own namespace: the counters of interfaces in `/proc/…/net/dev`. */
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { ContainerCollector } from './container-collector.ts';

export const containerNetwork: ContainerCollector = {
  name: 'network',
  open(place) {
    // The open file keeps the namespace: its figures stay the container's, even when the pid is given to another.
    const file = place.file(`${place.processFolder}/net/dev`);
    return () => networkBytes(file.read(), { loopback: false });
  },
};

/** Bytes of all interfaces of a namespace. */
export interface NetworkBytes {
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Sums the interfaces, with or without `lo`. */
export function networkBytes(text: string, options: { readonly loopback: boolean }): NetworkBytes {
  const [first, second, ...lines] = whole(text, 'net/dev').slice(0, -1).split('\n');
  if (!first?.startsWith('Inter-|') || !second?.includes('face')) throw new UnexpectedText('net/dev has no heading');
  let receivedBytes = 0;
  let sentBytes = 0;
  let hasLoopback = false;
  for (const line of lines) {
    // Names may hold colons; the last one ends the name.
    const colon = line.lastIndexOf(':');
    const fields = line
      .slice(colon + 1)
      .trim()
      .split(/ +/);
    if (colon < 0 || fields.length < 9) throw new UnexpectedText('net/dev has a line that is cut off');
    const isLoopback = line.slice(0, colon).trim() === 'lo';
    hasLoopback ||= isLoopback;
    if (isLoopback && !options.loopback) continue;
    receivedBytes += toNumber(fields[0] ?? '', 'net/dev');
    sentBytes += toNumber(fields[8] ?? '', 'net/dev');
  }
  // Every namespace has it.
  if (!hasLoopback) throw new UnexpectedText('net/dev has no interface lo');
  return { receivedBytes, sentBytes };
}
