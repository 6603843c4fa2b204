/**
 * What of a file system in memory is on its disk, and what a loss of power may leave of the rest. As POSIX has it: what was
 * written to a file is there for certain once the file was synced, and an entry once its folder was. Before that each write may be
 * there or not, or half of it, also when a later one is. Of file systems with a journal it takes that the changes of one folder
 * come in their order, and that a rename is done or not done.
 */
import type { Inode } from './inode.ts';

/** A write, or where a file was cut off. */
type FileChange = { readonly start: number; readonly bytes: Uint8Array } | { readonly length: number };

/** A name in a folder, and what it leads to; null: nothing any more. */
interface Entry {
  readonly folder: Inode;
  readonly name: string;
  readonly inode: Inode | null;
}

/** What is done at once: one entry, or the two of a rename. */
type EntryChange = readonly Entry[];

/** Picks one of so many possibilities, from 0 on. */
export type Choose = (options: number) => number;

/** A file system by paths: the content of files, and null for folders. */
export type Tree = ReadonlyMap<string, Buffer | null>;

const nothing = Buffer.alloc(0);

/** What is on the disk below one folder, the root. */
export class Durability {
  readonly #root: Inode;
  readonly #content = new WeakMap<Inode, Buffer>();
  readonly #entries = new WeakMap<Inode, ReadonlyMap<string, Inode>>();
  /** What is not on the disk, in order. */
  readonly #fileChanges = new WeakMap<Inode, FileChange[]>();
  readonly #entryChanges = new WeakMap<Inode, EntryChange[]>();
  /** Told after each change, and after each sync. */
  onChange: () => void = () => {};

  constructor(root: Inode) {
    this.#root = root;
  }

  /** `bytes`: never overwritten. */
  noteWrite(file: Inode, start: number, bytes: Uint8Array): void {
    this.#noteFile(file, { start, bytes });
  }

  noteCut(file: Inode, length: number): void {
    this.#noteFile(file, { length });
  }

  noteEntries(change: EntryChange): void {
    for (const folder of new Set(change.map((entry) => entry.folder))) listOf(this.#entryChanges, folder).push(change);
    this.onChange();
  }

  /** Brings what was written to a file, or the entries of a folder, to the disk. */
  sync(inode: Inode): void {
    if (inode.kind === 'folder') this.#settleEntries(inode, (this.#entryChanges.get(inode) ?? []).length);
    else {
      this.#content.set(inode, inode.content);
      this.#fileChanges.delete(inode);
    }
    this.onChange();
  }

  /** Brings a file and its path to the disk, as the parts of that name it. */
  settle(parts: readonly string[]): void {
    let here = this.#root;
    for (const name of parts) {
      const last = this.#entryChanges.get(here)?.findLastIndex((change) => has(change, here, name)) ?? -1;
      this.#settleEntries(here, last + 1);
      const next = here.entries.get(name);
      if (!next) return;
      here = next;
    }
    this.sync(here);
  }

  /** Makes what the disk has after a loss of power that which is there. `choose` picks one of so many possibilities, from 0 on. */
  lose(choose: Choose): void {
    const left = this.#leave(choose);
    for (const [inode, there] of left) {
      this.#fileChanges.delete(inode);
      this.#entryChanges.delete(inode);
      if (Buffer.isBuffer(there)) {
        inode.content = there;
        this.#content.set(inode, there);
      } else {
        inode.entries.clear();
        for (const [name, next] of there) inode.entries.set(name, next);
        this.#entries.set(inode, there);
      }
    }
  }

  /** What a loss of power would leave now, by path: the content of files, and null for folders. Sockets are left out. */
  leftAfterLoss(choose: Choose): Tree {
    const left = this.#leave(choose);
    const tree = new Map<string, Buffer | null>();
    const visit = (at: string, inode: Inode): void => {
      const there = left.get(inode) ?? nothing;
      if (Buffer.isBuffer(there)) {
        if (inode.kind === 'file') tree.set(at, there);
        return;
      }
      tree.set(at, null);
      for (const [name, next] of there) visit(`${at}/${name}`, next);
    };
    visit('', this.#root);
    return tree;
  }

  /** The content or the entries of each that the disk has then. */
  #leave(choose: Choose): ReadonlyMap<Inode, Buffer | ReadonlyMap<string, Inode>> {
    const kept = this.#choose(choose);
    const left = new Map<Inode, Buffer | ReadonlyMap<string, Inode>>();
    const visit = (inode: Inode): void => {
      if (left.has(inode)) return;
      if (inode.kind === 'folder') {
        const entries = this.#entriesAfter(inode, kept.get(inode) ?? 0);
        left.set(inode, entries);
        for (const next of entries.values()) visit(next);
      } else {
        const contents = this.#contentsOf(inode);
        left.set(inode, contents[contents.length > 1 ? choose(contents.length) : 0] ?? nothing);
      }
    };
    visit(this.#root);
    return left;
  }

  /** How many changes of each folder are on the disk. One of two folders is on it in both or in neither. */
  #choose(choose: Choose): Map<Inode, number> {
    const kept = new Map<Inode, number>();
    const visit = (inode: Inode): void => {
      if (inode.kind !== 'folder' || kept.has(inode)) return;
      const changes = this.#entryChanges.get(inode) ?? [];
      kept.set(inode, changes.length > 0 ? choose(changes.length + 1) : 0);
      for (const entry of changes.flat()) visit(entry.folder);
      for (const next of [...(this.#entries.get(inode)?.values() ?? []), ...inode.entries.values()]) visit(next);
      for (const { inode: next } of changes.flat()) if (next) visit(next);
    };
    visit(this.#root);
    for (let isSettled = false; !isSettled; ) {
      isSettled = true;
      for (const [folder, count] of kept) {
        for (const change of this.#entryChanges.get(folder)?.slice(0, count) ?? []) {
          for (const entry of change) {
            const needed = (this.#entryChanges.get(entry.folder)?.indexOf(change) ?? -1) + 1;
            if ((kept.get(entry.folder) ?? 0) >= needed) continue;
            kept.set(entry.folder, needed);
            isSettled = false;
          }
        }
      }
    }
    return kept;
  }

  #entriesAfter(folder: Inode, count: number): Map<string, Inode> {
    const entries = new Map(this.#entries.get(folder));
    for (const change of this.#entryChanges.get(folder)?.slice(0, count) ?? []) apply(entries, folder, change);
    return entries;
  }

  #settleEntries(folder: Inode, count: number): void {
    const changes = this.#entryChanges.get(folder) ?? [];
    // Each is taken from the lists of all its folders.
    for (let left = count; left > 0 && changes.length > 0; left -= 1) {
      const [change] = changes;
      if (!change) return;
      for (const other of new Set(change.map((entry) => entry.folder))) {
        const list = this.#entryChanges.get(other) ?? [];
        if (other !== folder) this.#settleEntries(other, list.indexOf(change));
        const entries = new Map(this.#entries.get(other));
        apply(entries, other, change);
        this.#entries.set(other, entries);
        list.splice(list.indexOf(change), 1);
      }
    }
  }

  #noteFile(file: Inode, change: FileChange): void {
    listOf(this.#fileChanges, file).push(change);
    this.onChange();
  }

  /** What may be in a file: its changes up to one, with half of the next, or all but one of them. */
  #contentsOf(file: Inode): readonly Buffer[] {
    const base = this.#content.get(file) ?? nothing;
    const changes = this.#fileChanges.get(file) ?? [];
    const upTo = changes.map((_, count) => changes.slice(0, count));
    const torn = upTo.flatMap((before, index) => {
      const next = changes[index];
      if (!next || 'length' in next || next.bytes.length < 2) return [];
      return [[...before, { ...next, bytes: next.bytes.subarray(0, next.bytes.length >> 1) }]];
    });
    const without = changes.slice(0, -1).map((_, index) => changes.toSpliced(index, 1));
    return [...upTo, changes, ...torn, ...without].map((some) => contentAfter(base, some));
  }
}

const has = (change: EntryChange, folder: Inode, name: string): boolean =>
  change.some((entry) => entry.folder === folder && entry.name === name);

function listOf<Change>(lists: WeakMap<Inode, Change[]>, inode: Inode): Change[] {
  const list = lists.get(inode) ?? [];
  lists.set(inode, list);
  return list;
}

function apply(entries: Map<string, Inode>, folder: Inode, change: EntryChange): void {
  for (const { folder: of, name, inode } of change) {
    if (of !== folder) continue;
    if (inode) entries.set(name, inode);
    else entries.delete(name);
  }
}

/** What was not written between what was is zeros. */
function contentAfter(base: Buffer, changes: readonly FileChange[]): Buffer {
  let content = base;
  for (const change of changes) {
    if ('length' in change) content = content.subarray(0, change.length);
    else {
      const { start, bytes } = change;
      const next = Buffer.alloc(Math.max(content.length, start + bytes.length));
      next.set(content);
      next.set(bytes, start);
      content = next;
    }
  }
  return content;
}
