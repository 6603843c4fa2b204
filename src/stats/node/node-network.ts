/** Bytes over all interfaces of the node, loopback and bridges included. */
import { Decimal } from '../../lib/decimal.ts';
import type { KeptFile } from '../kept-files.ts';
import { definitionOf, type NodeCollector, type NodeMeasure } from '../measure.ts';
import { nodeMeasures } from '../measure-kinds.ts';
import { networkBytes } from '../network-bytes.ts';

const definition = definitionOf(nodeMeasures.net_rx, false);

/** Makes the collector; it reads `/proc/self/net/dev`. */
export function nodeNetwork(file: Pick<KeptFile, 'read'>): NodeCollector {
  const measure = (key: string, bytes: number): NodeMeasure => {
    const measured = { value: new Decimal(bytes), capacity: null };
    return { key, definition, ...measured, devices: new Map([['node', measured]]) };
  };
  return {
    name: 'node network',
    async collect(): Promise<readonly NodeMeasure[]> {
      const { receivedBytes, sentBytes } = networkBytes(file.read(), { loopback: true });
      return [measure('net_rx', receivedBytes), measure('net_tx', sentBytes)];
    },
  };
}
