/** Memory of the node. */
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { KeptFile } from '../kept-files.ts';
import type { NodeCollector, NodeReading } from '../node-figures.ts';

/** Makes the collector; it reads `/proc/meminfo`. */
export function nodeMemory(file: Pick<KeptFile, 'read'>): NodeCollector {
  return {
    name: 'node memory',
    async collect(): Promise<readonly NodeReading[]> {
      const { usedBytes, totalBytes } = parseMemory(file.read());
      return [{ figure: 'memoryBytes', value: usedBytes, capacity: totalBytes, parts: new Map() }];
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
