/** Memory of the node. */
import { Decimal } from '../../lib/decimal.ts';
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { KeptFile } from '../kept-files.ts';
import { definitionOf, type NodeCollector, type NodeMeasure } from '../measure.ts';
import { nodeMeasures } from '../measure-kinds.ts';

const definition = definitionOf(nodeMeasures.mem, false);

/** Makes the collector; it reads `/proc/meminfo`. */
export function nodeMemory(file: Pick<KeptFile, 'read'>): NodeCollector {
  return {
    name: 'node memory',
    async collect(): Promise<readonly NodeMeasure[]> {
      const { usedBytes, totalBytes } = parseMemory(file.read());
      const measured = { value: new Decimal(usedBytes), capacity: new Decimal(totalBytes) };
      return [{ key: 'mem', definition, ...measured, devices: new Map([['root', measured]]) }];
    },
  };
}

/** Total, and what of it is not available. In some containers more is available than there is: then what is free counts. */
export function parseMemory(text: string): { readonly usedBytes: number; readonly totalBytes: number } {
  whole(text, '/proc/meminfo');
  const bytes = (key: string): number => {
    const kibibytes = new RegExp(`^${key}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kibibytes === undefined) throw new UnexpectedText(`/proc/meminfo has no line ${key}`);
    return toNumber(kibibytes, '/proc/meminfo') * 1024;
  };
  const totalBytes = bytes('MemTotal');
  const available = bytes('MemAvailable');
  return { usedBytes: totalBytes - (available > totalBytes ? bytes('MemFree') : available), totalBytes };
}
