/**
 * The files of names that come with a container's network: of hosts, of servers that know names, and of its own name. The
 * engine binds those of a network into every container that joins it, where root can write them.
 */
import { constants, open } from 'node:fs/promises';
import type { ContainerDetail } from '../engine/engine.ts';

/** The files by their names in `/etc`. */
export const nameFileNames = ['hosts', 'resolv.conf', 'hostname'] as const;
/** A file as it was found. */
interface NameFile {
  readonly content: Uint8Array;
  /** Type and permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** All of a network's. */
export type NameFiles = Readonly<Record<(typeof nameFileNames)[number], NameFile>>;

/** Far more than an engine writes. */
const maxBytes = 64 * 1024;
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads them. Throws the system's error, and an Error for what is no file, or too long. */
export async function readNameFiles(paths: ContainerDetail['nameFiles']): Promise<NameFiles> {
  const [hosts, servers, own] = await Promise.all(nameFileNames.map((name) => readOne(paths[name])));
  if (!hosts || !servers || !own) throw new Error('unreachable: each file has been read');
  return { hosts, 'resolv.conf': servers, hostname: own };
}

/** Whether nothing about them is different. */
export function areSame(one: NameFiles, other: NameFiles): boolean {
  return nameFileNames.every((name) => {
    const [a, b] = [one[name], other[name]];
    const owned = a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
    return owned && Buffer.compare(a.content, b.content) === 0;
  });
}

async function readOne(path: string): Promise<NameFile> {
  await using file = await open(path, flags);
  const facts = await file.stat();
  if (!facts.isFile() || facts.size > maxBytes) throw new Error(`${path} is no file of at most ${maxBytes} bytes`);
  const content = Buffer.alloc(maxBytes);
  const { bytesRead } = await file.read(content, 0, maxBytes, 0);
  return { content: Buffer.from(content.subarray(0, bytesRead)), mode: facts.mode, uid: facts.uid, gid: facts.gid };
}
