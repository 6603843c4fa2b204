/**
 * Watches a folder. What the system tells of changes is a hint when to look, and what differs between two looks is told: so
 * nothing is lost with a hint, and a reader who is slow gets what has changed meanwhile, once.
 */
import { once } from 'node:events';
import { type FSWatcher, lstatSync, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../../lib/system-error.ts';
import { type FileChange, fileType } from '../../protocol/kernel-files.ts';
import { modeText } from './entry.ts';
import { changesBetween, type Glance } from './folder-changes.ts';
import { OpenFolder } from './open-folder.ts';
import { unfinishedPrefix } from './paths.ts';
import { report } from './reports.ts';
import { homePath } from './worker-process.ts';

/** More files are not remembered; of a folder that has more it is told that something changes. */
const maxFiles = 10_000;
const maxDepth = 64;
/** Folders of which hints are asked for; the others are looked at now and then. */
const maxWatchers = 512;
const maxHints = 1000;
/** Changes between two looks that are told one by one. */
const maxChanges = 1000;
/** From a hint to the look, so that what happens at once is told at once. */
const gatherMs = 50;
/** Without a hint it is looked at all the same. */
const idleMs = 2000;
/** A pause is so many times as long as the look before it. */
const restPerLook = 20;
/** Shows that the watch goes on. */
const beatMs = 10_000;
/** Two changes within it may bear the same time. */
const freshNs = 50_000_000n;

/** Tells changes on standard output, a JSON document a line, until the folder is gone or nobody reads. */
export async function watchFolder(home: string, path: string, recursive: boolean): Promise<void> {
  const normal = homePath(path, home);
  await using root = await OpenFolder.below(home, normal);
  using folderWatch = new FolderWatch(root, recursive);
  await folderWatch.look();
  report({ ok: true, result: {} });
  await say([{ type: 'watching', path: normal }]);
  const beat = setInterval(() => process.stdout.write('\n'), beatMs);
  try {
    if (folderWatch.isTooLarge) await say([tooLarge]);
    while (!(await folderWatch.isGone())) await say(await folderWatch.changes());
    await say([{ type: 'removed', path: '.', file: 'folder' }]);
  } finally {
    clearInterval(beat);
  }
}

const tooLarge: FileChange = { type: 'lost', reason: `the folder has more than ${maxFiles} files or is too deep` };
const tooMany: FileChange = { type: 'lost', reason: `more than ${maxChanges} files have changed at once` };

/** Resolves when whoever reads has room for more. */
async function say(changes: readonly FileChange[]): Promise<void> {
  if (changes.length === 0) return;
  const lines = changes.map((change) => `${JSON.stringify(change)}\n`).join('');
  if (!process.stdout.write(lines)) await once(process.stdout, 'drain');
}

class FolderWatch implements Disposable {
  readonly #root: OpenFolder;
  readonly #recursive: boolean;
  /** By path and inode, so that a folder in place of another is watched as well. */
  readonly #watchers = new Map<string, FSWatcher>();
  /** What was seen last; null when it was too much. */
  #seen: ReadonlyMap<string, Glance> | null = new Map();
  #hints = new Set<string>();
  #wake: (() => void) | null = null;
  #isHinted = false;
  #lookMs = 0;

  constructor(root: OpenFolder, recursive: boolean) {
    this.#root = root;
    this.#recursive = recursive;
  }

  get isTooLarge(): boolean {
    return this.#seen === null;
  }

  async isGone(): Promise<boolean> {
    return lstatSync(`${this.#root.path()}/.`).nlink === 0;
  }

  /** Waits for a hint or a while, and looks. */
  async changes(): Promise<readonly FileChange[]> {
    await this.#hint(Math.max(idleMs, restPerLook * this.#lookMs));
    await sleep(gatherMs);
    const before = this.#seen;
    const hints = this.#hints;
    const wasHinted = this.#isHinted;
    this.#hints = new Set();
    this.#isHinted = false;
    await this.look();
    const after = this.#seen;
    await sleep(restPerLook * this.#lookMs);
    if (after === null) return wasHinted || before !== null ? [tooLarge] : [];
    if (before === null) return [tooLarge];
    const changes = changesBetween(before, after, hints);
    return changes.length > maxChanges ? [tooMany] : changes;
  }

  /** Remembers what is in the folder. */
  async look(): Promise<void> {
    const startedAt = performance.now();
    const seen = new Map<string, Glance>();
    const unwatched = new Set(this.#watchers.keys());
    const isWhole = await this.#lookAt(this.#root, '', 0, seen, unwatched);
    for (const key of unwatched) this.#unwatch(key);
    this.#seen = isWhole ? seen : null;
    this.#lookMs = performance.now() - startedAt;
  }

  /** Whether all of it could be remembered. */
  async #lookAt(
    folder: OpenFolder,
    prefix: string,
    depth: number,
    seen: Map<string, Glance>,
    unwatched: Set<string>,
  ): Promise<boolean> {
    unwatched.delete(this.#watch(folder, prefix));
    if (depth > maxDepth) return false;
    for (const name of await folder.names()) {
      const text = name.toString('latin1');
      if (text.startsWith(unfinishedPrefix)) continue;
      const facts = lstatSync(folder.at(name), { bigint: true, throwIfNoEntry: false });
      if (!facts) continue;
      const path = `${prefix}${text}`;
      const type = fileType(modeText(facts.mode));
      if (seen.size >= maxFiles) return false;
      seen.set(path, {
        type,
        content: type === 'folder' ? `${facts.ino}` : `${facts.ino} ${facts.size} ${facts.mtimeNs}`,
        attributes: `${facts.mode} ${facts.uid} ${facts.gid}`,
        fresh: BigInt(Date.now()) * 1_000_000n - facts.mtimeNs < freshNs,
      });
      if (type !== 'folder' || !this.#recursive) continue;
      if (!(await this.#lookBelow(folder, name, path, depth, seen, unwatched))) return false;
    }
    return true;
  }

  /** A folder that is gone meanwhile, or that the tenant may not read, has nothing in it. */
  async #lookBelow(
    folder: OpenFolder,
    name: Buffer,
    path: string,
    depth: number,
    seen: Map<string, Glance>,
    unwatched: Set<string>,
  ): Promise<boolean> {
    try {
      await using below = await folder.folder(name);
      return await this.#lookAt(below, `${path}/`, depth + 1, seen, unwatched);
    } catch (error) {
      if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP')) return true;
      throw error;
    }
  }

  /** Asks for hints, and says by what key; where the system has no room for them the folder is looked at now and then. */
  #watch(folder: OpenFolder, prefix: string): string {
    const key = `${lstatSync(`${folder.path()}/.`).ino} ${prefix}`;
    if (this.#watchers.has(key) || this.#watchers.size >= maxWatchers) return key;
    try {
      const watcher = watch(folder.path(), 'buffer', (_, name) => this.#hinted(prefix, name));
      watcher.on('error', () => this.#unwatch(key));
      this.#watchers.set(key, watcher);
    } catch {
      // Its changes show a little later.
    }
    return key;
  }

  #unwatch(key: string): void {
    this.#watchers.get(key)?.close();
    this.#watchers.delete(key);
  }

  #hinted(prefix: string, name: Buffer | null): void {
    const text = name?.toString('latin1') ?? '';
    if (this.#hints.size < maxHints) this.#hints.add(`${prefix}${text}`);
    this.#isHinted = true;
    this.#wake?.();
  }

  /** Waits for a hint, at most so long. */
  async #hint(delayMs: number): Promise<void> {
    if (this.#isHinted) return;
    const waiting = new AbortController();
    this.#wake = () => waiting.abort();
    await sleep(delayMs, null, { signal: waiting.signal }).catch(() => {});
    this.#wake = null;
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
  }
}
