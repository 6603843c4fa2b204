/** Bytes read from and written to disks. */
import { toNumber, UnexpectedText, whole } from '../file-text.ts';
import type { ContainerCollector, ReadFigures } from './container-collector.ts';

export const containerDisk: ContainerCollector = {
  name: 'disk',
  open(place): ReadFigures | null {
    const folder = place.folder('blkio');
    if (folder === null) return null;
    const name = folder.version === 1 ? 'blkio.throttle.io_service_bytes' : 'io.stat';
    const file = place.optional(`${folder.path}/${name}`);
    return () => {
      const text = file.read();
      if (text === null) return {};
      return folder.version === 1 ? serviceBytes(text, name) : ioStat(text, name);
    };
  },
};

interface DiskBytes {
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Lines `8:0 Read 4096`, and `Total 4096` at the end. */
function serviceBytes(text: string, file: string): DiskBytes {
  let readBytes = 0;
  let writtenBytes = 0;
  let complete = false;
  for (const line of whole(text, file).slice(0, -1).split('\n')) {
    const [device = '', operation = '', bytes = ''] = line.split(' ');
    if (device === 'Total') complete = true;
    else if (operation === 'Read') readBytes += toNumber(bytes, file);
    else if (operation === 'Write') writtenBytes += toNumber(bytes, file);
  }
  if (!complete) throw new UnexpectedText(`${file} has no line Total`);
  return { readBytes, writtenBytes };
}

/** Lines `8:0 rbytes=4096 wbytes=0 …`; some kernels put several devices before the pairs. None = nothing happened. */
function ioStat(text: string, file: string): DiskBytes {
  let readBytes = 0;
  let writtenBytes = 0;
  if (text !== '') whole(text, file);
  for (const word of text.split(/\s/)) {
    if (word.startsWith('rbytes=')) readBytes += toNumber(word.slice(7), file);
    else if (word.startsWith('wbytes=')) writtenBytes += toNumber(word.slice(7), file);
  }
  return { readBytes, writtenBytes };
}
