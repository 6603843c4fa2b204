/**
 * Reading and patching of ELF programs, as far as making a program relocatable needs it. Pure: bytes in, bytes out, so
 * that no `patchelf`, `strip` or `ldd` has to be on the machine.
 *
 * 64-bit little-endian files only, which is every Linux machine that there is a Node package for.
 */
const pt = { load: 1, dynamic: 2, interp: 3 } as const;
const dt = { null: 0, needed: 1, strtab: 5, rpath: 15, runpath: 29 } as const;
const headerSize = 56;
const pageSize = 4096n;

interface ProgramHeader {
  /** Where the header itself lies in the file. */
  readonly at: number;
  readonly type: number;
  readonly offset: bigint;
  readonly address: bigint;
  readonly fileSize: bigint;
  readonly memorySize: bigint;
}

interface DynamicEntry {
  readonly at: number;
  readonly tag: number;
  readonly value: bigint;
}

/** What has to be known of a program. */
export interface ElfFacts {
  /** Path of its loader; null = static. */
  readonly interpreter: string | null;
  readonly needed: readonly string[];
  /** DT_RPATH, which also counts for the libraries that its libraries need; null = none. */
  readonly rpath: string | null;
  /** Bytes from the start that the program needs at run time; symbols and debug information come after. */
  readonly loadedSize: number;
}

/** Whether these bytes begin a file that this module can read. */
export function isElf64(bytes: Uint8Array): boolean {
  const magic = [0x7f, 0x45, 0x4c, 0x46, 2, 1];
  return bytes.length >= 64 && magic.every((byte, index) => bytes[index] === byte);
}

/** Reads a program. Throws when it is not one that this module can read. */
export function readElf(bytes: Uint8Array): ElfFacts {
  return guarded(() => {
    const headers = programHeaders(bytes);
    const interpreter = headers.find(({ type }) => type === pt.interp);
    const entries = dynamicEntries(bytes, headers);
    const strings = stringsAt(bytes, headers, entries);
    const rpath = entries.find(({ tag }) => tag === dt.rpath);
    const ends = headers.filter(({ type }) => type === pt.load).map(({ offset, fileSize }) => offset + fileSize);
    return {
      interpreter: interpreter ? text(bytes, Number(interpreter.offset)) : null,
      needed: entries.filter(({ tag }) => tag === dt.needed).map(({ value }) => strings(value)),
      rpath: rpath ? strings(rpath.value) : null,
      loadedSize: Number(ends.reduce(larger, 0n)),
    };
  });
}

/**
 * A copy of a program that uses this loader, looks for its libraries in this folder before anywhere else
 * (`LD_LIBRARY_PATH` included), and has no symbols. Throws when there is no room for the changes.
 *
 * The loader's path is written over the old one. The folder's goes into the unused end of the page after a read-only
 * segment, and a spare entry of the dynamic section points there: DT_RPATH holds an offset from the string table and
 * may point anywhere in memory.
 */
export function relocateElf(original: Uint8Array, loader: string, libraryFolder: string): Uint8Array<ArrayBuffer> {
  return guarded(() => {
    const { loadedSize } = readElf(original);
    const bytes = new Uint8Array(original.subarray(0, loadedSize));
    dropSectionTable(bytes);
    const headers = programHeaders(bytes);
    replaceInterpreter(bytes, headers, loader);
    const address = plantString(bytes, headers, libraryFolder);
    const entries = dynamicEntries(bytes, headers);
    const table = entries.find(({ tag }) => tag === dt.strtab);
    if (!table) throw unsupported('has no string table');
    const present = entries.find(({ tag }) => tag === dt.rpath || tag === dt.runpath);
    const slot = present ?? spareEntry(bytes, headers, entries);
    const view = viewOf(bytes);
    view.setBigUint64(slot.at, BigInt(dt.rpath), true);
    view.setBigUint64(slot.at + 8, BigInt.asUintN(64, address - table.value), true);
    return bytes;
  });
}

/** Overwrites a NUL-terminated string with one that is not longer; says whether it was there exactly once. */
export function replaceCString(bytes: Uint8Array, from: string, to: string): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sought = Buffer.from(`\0${from}\0`, 'latin1');
  const at = buffer.indexOf(sought);
  if (to.length > from.length || at < 0 || buffer.indexOf(sought, at + 1) >= 0) return false;
  buffer.write(to.padEnd(from.length, '\0'), at + 1, 'latin1');
  return true;
}

const unsupported = (what: string): Error => new Error(`the program ${what}`);

const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** Offsets in a damaged file lead outside of it. */
function guarded<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof RangeError) throw new Error('the program is damaged', { cause });
    throw cause;
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function programHeaders(bytes: Uint8Array): ProgramHeader[] {
  if (!isElf64(bytes)) throw unsupported('is not a 64-bit little-endian ELF file');
  const view = viewOf(bytes);
  const start = Number(view.getBigUint64(32, true));
  if (view.getUint16(54, true) !== headerSize) throw unsupported('has program headers of an odd size');
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = start + index * headerSize;
    return {
      at,
      type: view.getUint32(at, true),
      offset: view.getBigUint64(at + 8, true),
      address: view.getBigUint64(at + 16, true),
      fileSize: view.getBigUint64(at + 32, true),
      memorySize: view.getBigUint64(at + 40, true),
    };
  });
}

function dynamicEntries(bytes: Uint8Array, headers: readonly ProgramHeader[]): DynamicEntry[] {
  const section = headers.find(({ type }) => type === pt.dynamic);
  if (!section) return [];
  const view = viewOf(bytes);
  const entries: DynamicEntry[] = [];
  for (let index = 0; index < Number(section.fileSize) / 16; index += 1) {
    const at = Number(section.offset) + index * 16;
    const tag = Number(view.getBigUint64(at, true));
    if (tag === dt.null) break;
    entries.push({ at, tag, value: view.getBigUint64(at + 8, true) });
  }
  return entries;
}

function stringsAt(
  bytes: Uint8Array,
  headers: readonly ProgramHeader[],
  entries: readonly DynamicEntry[],
): (offset: bigint) => string {
  return (offset) => {
    const table = entries.find(({ tag }) => tag === dt.strtab);
    if (!table) throw unsupported('has no string table');
    const address = BigInt.asUintN(64, table.value + offset);
    const segment = headers.find(
      (header) => header.type === pt.load && address >= header.address && address < header.address + header.fileSize,
    );
    if (!segment) throw unsupported('has a string outside of its segments');
    return text(bytes, Number(segment.offset + address - segment.address));
  };
}

function text(bytes: Uint8Array, at: number): string {
  const end = bytes.indexOf(0, at);
  if (at >= bytes.length || end < 0) throw new RangeError('a string has no end');
  return Buffer.from(bytes.subarray(at, end)).toString('latin1');
}

function dropSectionTable(bytes: Uint8Array): void {
  const view = viewOf(bytes);
  view.setBigUint64(40, 0n, true);
  view.setUint16(60, 0, true);
  view.setUint16(62, 0, true);
}

function replaceInterpreter(bytes: Uint8Array, headers: readonly ProgramHeader[], loader: string): void {
  const header = headers.find(({ type }) => type === pt.interp);
  if (!header) throw unsupported('is static and has no loader to replace');
  const room = Number(header.fileSize);
  if (loader.length + 1 > room) throw unsupported(`has room for a loader's path of ${room - 1} characters only`);
  Buffer.from(bytes.buffer, bytes.byteOffset).write(loader.padEnd(room, '\0'), Number(header.offset), 'latin1');
}

/** Puts a string where a read-only segment's last page is mapped but unused; returns its address. */
function plantString(bytes: Uint8Array, headers: readonly ProgramHeader[], planted: string): bigint {
  const loads = headers.filter(({ type }) => type === pt.load);
  const size = BigInt(planted.length + 1);
  const view = viewOf(bytes);
  for (const segment of loads) {
    const writable = (view.getUint32(segment.at + 4, true) & 2) !== 0;
    const end = segment.offset + segment.fileSize;
    const pageEnd = (end + pageSize - 1n) & ~(pageSize - 1n);
    const following = loads.filter(({ offset }) => offset >= end).map(({ offset }) => offset);
    const limit = following.reduce(smaller, pageEnd);
    const free = bytes.subarray(Number(end), Number(limit));
    if (writable || segment.fileSize !== segment.memorySize || BigInt(free.length) < size) continue;
    if (free.some((byte) => byte !== 0)) continue;
    Buffer.from(bytes.buffer, bytes.byteOffset).write(planted, Number(end), 'latin1');
    view.setBigUint64(segment.at + 32, segment.fileSize + size, true);
    view.setBigUint64(segment.at + 40, segment.memorySize + size, true);
    return segment.address + segment.fileSize;
  }
  throw unsupported('has no room for the path of its libraries');
}

/** The first of at least two ending entries: one has to stay the end. */
function spareEntry(
  bytes: Uint8Array,
  headers: readonly ProgramHeader[],
  entries: readonly DynamicEntry[],
): { readonly at: number } {
  const section = headers.find(({ type }) => type === pt.dynamic);
  if (!section) throw unsupported('has no dynamic section');
  const at = Number(section.offset) + entries.length * 16;
  const room = Number(section.offset + section.fileSize) - at;
  if (room < 32 || bytes.subarray(at, at + 32).some((byte) => byte !== 0)) {
    throw unsupported('has no spare entry in its dynamic section');
  }
  return { at };
}
