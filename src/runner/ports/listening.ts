/** On which TCP ports something listens in the network of this process, as Linux tells it. */
import { type FileHandle, open } from 'node:fs/promises';
import { isSystemError } from '../../lib/system-error.ts';
import {
  type ListeningPort,
  type ListeningPorts,
  maxListeningPorts,
  maxPortAddresses,
} from '../../protocol/kernel-ports.ts';

/** Sockets that listen come first in these files, and a line has 150 bytes: more than a thousand of them are not looked at. */
const maxBytes = 256 * 1024;
const listening = '0A';
/** Where the engine answers for names inside a container: nobody's in the kernel. */
const engineResolver = '127.0.0.11';

/** Looks now. Throws the system's error. */
export async function listeningPorts(): Promise<ListeningPorts> {
  const [four, six] = await Promise.all([headOf('/proc/net/tcp'), headOf('/proc/net/tcp6')]);
  return portsOf(`${four}\n${six}`);
}

/** The ports in lines of such files, by number. */
export function portsOf(text: string): ListeningPorts {
  const found = new Map<number, Set<string>>();
  for (const line of text.split('\n')) {
    const [, local = '', , state] = line.trim().split(/\s+/);
    const [address, port] = local.split(':');
    if (state !== listening || address === undefined || port === undefined) continue;
    const shown = addressOf(address);
    if (shown === null || shown === engineResolver) continue;
    const number = Number.parseInt(port, 16);
    found.set(number, (found.get(number) ?? new Set()).add(shown));
  }
  const all = [...found]
    .sort(([one], [other]) => one - other)
    .map(([port, addresses]): ListeningPort => {
      return { port, addresses: [...addresses].slice(0, maxPortAddresses) };
    });
  return { ports: all.slice(0, maxListeningPorts), more: all.length > maxListeningPorts };
}

/** An address of these files: hexadecimal, each four bytes of it the other way round. */
function addressOf(hex: string): string | null {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex)) return null;
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => [...Buffer.from(word, 'hex')].reverse());
  if (bytes.length === 4) return bytes.join('.');
  const groups = (Buffer.from(bytes).toString('hex').match(/.{4}/g) ?? []).map((group) => group.replace(/^0{1,3}/, ''));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** What there is of a file up to the bound; nothing of one that is not there. */
async function headOf(path: string): Promise<string> {
  try {
    await using file = await open(path);
    return await readHead(file);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return '';
    throw error;
  }
}

/** These files give less than is asked for at a time. */
async function readHead(file: FileHandle): Promise<string> {
  const bytes = Buffer.alloc(maxBytes);
  let length = 0;
  while (length < maxBytes) {
    const { bytesRead } = await file.read(bytes, length, maxBytes - length, null);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.toString('latin1', 0, length);
}
