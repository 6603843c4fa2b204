/**
 * A file system of user space (FUSE, protocol 7.31) that hangs when it is told to: `data/hello` and nothing else, read-only.
 * Its argument is the mount point. With SIGUSR2 it goes on taking requests and answers none, as a server that is stuck does;
 * whoever waits for one of those cannot even be killed. With SIGUSR1 it answers them all. Stopped, it takes none.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

const codes = {
  ...{ lookup: 1, forget: 2, getAttributes: 3, open: 14, read: 15, statistics: 17, release: 18, flush: 25, init: 26 },
  ...{ openFolder: 27, readFolder: 28, releaseFolder: 29, interrupt: 36, forgetMany: 42 },
} as const;
const [inHeader, outHeader, bufferBytes] = [40, 16, 256 * 1024];
const [ENOENT, ENOSYS] = [-2, -38];
const [folderMode, fileMode] = [0o040755, 0o100444];

interface Entry {
  readonly inode: bigint;
  readonly name: string;
  readonly parent: bigint;
  readonly text: string | null;
}
const entries: readonly Entry[] = [
  { inode: 1n, name: '', parent: 0n, text: null },
  { inode: 2n, name: 'data', parent: 1n, text: null },
  { inode: 3n, name: 'hello', parent: 2n, text: 'hello\n' },
];
const entryOf = (inode: bigint): Entry | undefined => entries.find((entry) => entry.inode === inode);

/** `struct fuse_attr`. */
function attributes({ inode, text }: Entry): Buffer {
  const bytes = Buffer.alloc(88);
  bytes.writeBigUInt64LE(inode, 0);
  bytes.writeBigUInt64LE(BigInt(text?.length ?? 0), 8);
  bytes.writeUInt32LE(text === null ? folderMode : fileMode, 60);
  bytes.writeUInt32LE(1, 64);
  bytes.writeUInt32LE(4096, 80);
  return bytes;
}

/** The entries of a folder from an offset on, each a `struct fuse_dirent`. */
function listing(folder: bigint, offset: number): Buffer {
  const all = entries.filter(({ parent }) => parent === folder);
  return Buffer.concat(
    all.slice(offset).map(({ inode, name, text }, index) => {
      const bytes = Buffer.alloc(24 + 8 * Math.ceil(name.length / 8));
      bytes.writeBigUInt64LE(inode, 0);
      bytes.writeBigUInt64LE(BigInt(offset + index + 1), 8);
      bytes.writeUInt32LE(name.length, 16);
      bytes.writeUInt32LE(text === null ? 4 : 8, 20);
      bytes.write(name, 24);
      return bytes;
    }),
  );
}

/** What a request is answered with: bytes, an error's number, or null for those that take no answer. */
function answer(code: number, inode: bigint, body: Buffer): Buffer | number | null {
  const entry = entryOf(inode);
  switch (code) {
    case codes.forget:
    case codes.forgetMany:
    case codes.interrupt:
      return null;
    case codes.init: {
      const bytes = Buffer.alloc(64);
      for (const [place, value] of [7, 31, 65_536].entries()) bytes.writeUInt32LE(value, 4 * place);
      bytes.writeUInt16LE(64, 16);
      bytes.writeUInt16LE(48, 18);
      bytes.writeUInt32LE(65_536, 20);
      bytes.writeUInt32LE(1, 24);
      return bytes;
    }
    case codes.lookup: {
      const name = body.toString('utf8', 0, body.indexOf(0));
      const found = entries.find((one) => one.parent === inode && one.name === name);
      if (!found) return ENOENT;
      // For no time is anything kept: every look at it comes here.
      const head = Buffer.alloc(40);
      head.writeBigUInt64LE(found.inode, 0);
      return Buffer.concat([head, attributes(found)]);
    }
    case codes.getAttributes:
      return entry ? Buffer.concat([Buffer.alloc(16), attributes(entry)]) : ENOENT;
    case codes.open:
    case codes.openFolder:
      return Buffer.alloc(16);
    case codes.read:
    case codes.readFolder: {
      const [offset, size] = [Number(body.readBigUInt64LE(8)), body.readUInt32LE(16)];
      if (code === codes.readFolder) return listing(inode, offset);
      return Buffer.from(entry?.text ?? '').subarray(offset, offset + size);
    }
    case codes.statistics:
      return Buffer.alloc(80);
    case codes.release:
    case codes.releaseFolder:
    case codes.flush:
      return Buffer.alloc(0);
    default:
      return ENOSYS;
  }
}

const [mountPoint = ''] = process.argv.slice(2);
const device = await open('/dev/fuse', 'r+');
const options = 'fd=3,rootmode=40000,user_id=0,group_id=0,allow_other,default_permissions,nosuid,nodev';
const mount = spawn('mount', ['-i', '-t', 'fuse', '-o', options, 'kernelet-test', mountPoint], {
  stdio: ['ignore', 'inherit', 'inherit', device.fd],
});
const [status] = await once(mount, 'exit');
if (status !== 0) process.exit(1);
process.stdout.write('mounted\n');

/** What is not answered for now; null: everything is. */
const state: { held: Buffer[] | null } = { held: null };
async function reply(request: Buffer): Promise<void> {
  const content = answer(request.readUInt32LE(4), request.readBigUInt64LE(16), request.subarray(inHeader));
  if (content === null) return;
  const body = typeof content === 'number' ? Buffer.alloc(0) : content;
  const bytes = Buffer.concat([Buffer.alloc(outHeader), body]);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeInt32LE(typeof content === 'number' ? content : 0, 4);
  request.copy(bytes, 8, 8, 16);
  // Whoever asked may have been ended meanwhile.
  await device.write(bytes).catch(() => {});
}
process.on('SIGUSR2', () => {
  state.held ??= [];
});
process.on('SIGUSR1', () => {
  const waiting = state.held ?? [];
  state.held = null;
  for (const request of waiting) void reply(request);
});
for (;;) {
  const { bytesRead, buffer } = await device.read(Buffer.alloc(bufferBytes), 0, bufferBytes, null);
  const request = buffer.subarray(0, bytesRead);
  if (state.held) state.held.push(request);
  else await reply(request);
}
