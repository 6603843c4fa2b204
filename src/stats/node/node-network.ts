/** Bytes over all interfaces of the node, loopback and bridges included. */
import { networkBytes } from '../families/network.ts';
import type { KeptFile } from '../kept-files.ts';
import type { NodeCollector, NodeFigureName, NodeReading } from '../node-figures.ts';

/** Makes the collector; it reads `/proc/self/net/dev`. */
export function nodeNetwork(file: Pick<KeptFile, 'read'>): NodeCollector {
  const reading = (figure: NodeFigureName, value: number): NodeReading => ({
    figure,
    value,
    capacity: null,
    parts: new Map(),
  });
  return {
    name: 'node network',
    async collect(): Promise<readonly NodeReading[]> {
      const { receivedBytes, sentBytes } = networkBytes(file.read(), { loopback: true });
      return [reading('receivedBytes', receivedBytes), reading('sentBytes', sentBytes)];
    },
  };
}
