/**
 * The list of what a runner volume holds, written into it by the build, and checked whenever it is used: a disk that was
 * full, a clean-up that went too far or a hand that edited something must not end in a kernel that never gets ready.
 */
import { createHash } from 'node:crypto';
import { lstat, open, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Name of the list in the volume's folder. */
export const manifestName = 'manifest.json';
/** Files up to this size are compared by content at every check, larger ones by size alone. */
export const comparedBytes = 1024 * 1024;
/** Files are read so much at a time: Node's program as a whole would stay in an idle daemon's memory. */
const pieceBytes = 256 * 1024;

/** One file or symbolic link of the volume. */
export interface ManifestEntry {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  /** SHA-256 of the content, or the target of a symbolic link. */
  readonly content: string;
}

/** All of a volume's files and links, the list itself left out. */
export interface Manifest {
  readonly version: 1;
  readonly entries: readonly ManifestEntry[];
}

/** Whether an entry is a symbolic link: the target of none looks like a digest. */
export const isLink = ({ content }: ManifestEntry): boolean => !/^[0-9a-f]{64}$/.test(content);

/** Lists a folder, everything compared by content, in a fixed order. The list itself is left out. */
export async function describeFolder(folder: string): Promise<Manifest> {
  const entries: ManifestEntry[] = [];
  for (const path of await filesBelow(folder)) entries.push(await describeFile(folder, path));
  return { version: 1, entries };
}

/** Whether a folder holds what its list says; otherwise what is wrong first. */
export async function checkFolder(folder: string): Promise<{ readonly wrong: string | null }> {
  try {
    const manifest = parseManifest(await readFile(join(folder, manifestName), 'utf8'));
    if (manifest === null) return { wrong: `${manifestName} cannot be read` };
    for (const entry of manifest.entries) {
      const path = join(folder, entry.path);
      const facts = await lstat(path);
      if (facts.size !== entry.size || (facts.mode & 0o7777) !== entry.mode)
        return { wrong: `${entry.path} is changed` };
      if (entry.size > comparedBytes) continue;
      if ((await describeFile(folder, entry.path)).content !== entry.content)
        return { wrong: `${entry.path} is changed` };
    }
    return { wrong: null };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}

/** Reads a list; null when it is damaged. */
export function parseManifest(text: string): Manifest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('version' in value) || value.version !== 1) return null;
  if (!('entries' in value) || !Array.isArray(value.entries) || value.entries.length === 0) return null;
  return value.entries.every(isEntry) ? { version: 1, entries: value.entries } : null;
}

function isEntry(value: unknown): value is ManifestEntry {
  if (typeof value !== 'object' || value === null) return false;
  const { path, mode, size, content } = value as Partial<Record<keyof ManifestEntry, unknown>>;
  const inside = typeof path === 'string' && !path.startsWith('/') && !path.split('/').includes('..');
  return inside && typeof mode === 'number' && typeof size === 'number' && typeof content === 'string';
}

async function describeFile(folder: string, path: string): Promise<ManifestEntry> {
  const full = join(folder, path);
  const facts = await lstat(full);
  const content = facts.isSymbolicLink() ? await readlink(full) : await digestOf(full);
  return { path, mode: facts.mode & 0o7777, size: facts.size, content };
}

async function digestOf(path: string): Promise<string> {
  await using file = await open(path, 'r');
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(pieceBytes);
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, piece.length);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, bytesRead));
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .filter((path) => path !== manifestName)
    .sort();
}
