/** Every sync of the program, and every wait for one: what the sources are like without it, and the promise that is broken then. */

/** A change of one file of the sources, after which a scenario must fail. */
export interface DroppedSync {
  /** Below `src/`. */
  readonly file: string;
  /** Stands once in the file. */
  readonly sync: string;
  /** What takes its place; nothing when absent. */
  readonly without?: string;
  /** How the promise begins that this breaks. */
  readonly breaks: string;
}

const record = 'a record is whole';
const folder = 'a state folder has';
const end = 'the end of a kernel is told once, and';
const full = 'the end of a kernel is not lost when the file of events is full';
const managers = 'managers are told the end of a kernel once';
const engine = 'the engine that has the kernels';
const entry = 'a stored entry';
const removedHome = 'the home of a kernel that was removed';
const home = 'the home of a kernel whose end';

/** In the order of the files. */
export const droppedSyncs: readonly DroppedSync[] = [
  {
    file: 'lib/atomic-file.ts',
    sync: 'if (durable) await file.sync();',
    breaks: record,
  },
  {
    file: 'lib/atomic-file.ts',
    sync: 'if (durable) await syncFolder(dirname(path));',
    breaks: record,
  },
  {
    file: 'lib/atomic-file.ts',
    sync: 'await rm(path, { force: true });\n    await syncFolder(dirname(path));',
    without: 'await rm(path, { force: true });',
    breaks: engine,
  },
  { file: 'lib/atomic-file.ts', sync: 'await folder.sync();', breaks: record },
  { file: 'lib/atomic-file.ts', sync: 'fsyncSync(folder);', breaks: end },
  { file: 'lib/appended-file.ts', sync: 'syncData(descriptor)', without: 'Promise.resolve()', breaks: end },
  { file: 'lib/folders.ts', sync: 'await syncFolder(above).catch(() => {});', breaks: folder },
  {
    file: 'lib/folders.ts',
    sync: 'if (above !== path && !(await isThere(above))) await makeFolderDurably(above, mode);',
    breaks: folder,
  },
  { file: 'lib/state-writes.ts', sync: '    await this.synced();\n', breaks: end },
  {
    file: 'lib/state-writes.ts',
    sync: 'withDeadline(options, () => this.synced())',
    without: 'withDeadline(options, () => this.#last)',
    breaks: 'the end of a kernel is told once, also where its node',
  },
  {
    file: 'lib/state-writes.ts',
    sync: 'await Promise.all([...this.#syncs.values()].map(({ last, next }) => next ?? last));',
    breaks: end,
  },
  {
    file: 'storage/state-folder.ts',
    sync: 'ownFolder(resolve(wanted), makeFolderDurably)',
    without: 'ownFolder(resolve(wanted), makeFolder)',
    breaks: folder,
  },
  { file: 'storage/state-folder.ts', sync: 'await syncFolder(path);', breaks: 'a state folder is there' },
  {
    file: 'storage/json-store.ts',
    sync: 'await makeFolderDurably(folder, 0o700);',
    without: 'await (await import("../lib/folders.ts")).makeFolder(folder, 0o700);',
    breaks: entry,
  },
  {
    file: 'storage/json-store.ts',
    sync: 'this.#writes.afterSync(() => writeFileAtomic',
    without: 'this.#writes.after(() => writeFileAtomic',
    breaks: entry,
  },
  {
    file: 'storage/json-store.ts',
    sync: 'this.#writes.afterSync(() => removeFileDurably',
    without: 'this.#writes.after(() => removeFileDurably',
    breaks: entry,
  },
  { file: 'storage/kept-homes.ts', sync: 'await syncFolder(root);', breaks: home },
  {
    file: 'storage/kept-homes.ts',
    sync: 'for (const path of [folder, dirname(root)]) await syncFolder(path);',
    breaks: home,
  },
  {
    file: 'storage/scratch.ts',
    sync: 'if (await isThere(this.#root)) await syncFolder(this.#root);',
    breaks: removedHome,
  },
  {
    file: 'kernel/journal.ts',
    sync: 'await syncFolder(this.#kernels);\n      this.#synced',
    without: 'this.#synced',
    breaks: record,
  },
  {
    file: 'kernel/journal.ts',
    sync: 'if (this.#synced.has(record.spec.id)) return;',
    without: 'if ((await readdir(folder)).length > 0 && record.generation > 1) return;',
    breaks: 'a record is there once it is acknowledged',
  },
  {
    file: 'kernel/journal.ts',
    sync: 'recursive: true, force: true });\n    await syncFolder(this.#kernels);',
    without: 'recursive: true, force: true });',
    breaks: record,
  },
  { file: 'kernel/journal.ts', sync: 'afterSync(() => this.#remove', without: 'after(() => this.#remove', breaks: end },
  {
    file: 'events/event-log.ts',
    sync: "synced: event.event.type === 'kernel-terminated'",
    without: 'synced: false',
    breaks: end,
  },
  {
    file: 'events/event-file.ts',
    sync: 'for (const path of [folder, dirname(folder)]) syncFolderNow(path);',
    without: 'syncFolderNow(folder);',
    breaks: end,
  },
  {
    file: 'events/event-file.ts',
    sync: 'for (const path of [folder, dirname(folder)]) syncFolderNow(path);',
    without: 'syncFolderNow(dirname(folder));',
    breaks: 'the end of a kernel is told once, also where somebody',
  },
  {
    file: 'events/event-file.ts',
    sync: 'if (isSynced) synced = this.#writes.sync(this, () => this.#sync(), this.#onUnsynced);',
    breaks: end,
  },
  {
    file: 'events/event-file.ts',
    sync: 'if (this.#descriptor >= 0) await this.#calls.sync(this.#descriptor);',
    breaks: end,
  },
  { file: 'events/event-file.ts', sync: '    await synced;\n', breaks: 'no end of a kernel that a reader has got' },
  { file: 'events/event-file.ts', sync: 'await syncFolder(this.#folder).catch(this.#onUnsynced);', breaks: full },
  {
    file: 'events/event-file.ts',
    sync: 'await this.#sync().catch(this.#onUnsynced);',
    breaks: `${full}, and the disk too`,
  },
  {
    file: 'backendai/events/outbox-file.ts',
    sync: 'synced = this.#writes.sync(this, () => this.#sync(), this.#onUnsynced);',
    breaks: managers,
  },
  { file: 'backendai/events/outbox-file.ts', sync: 'if (name !== null) await synced;', breaks: managers },
  {
    file: 'backendai/events/outbox-file.ts',
    sync: 'if (this.#descriptor >= 0) await this.#calls.sync(this.#descriptor);',
    breaks: managers,
  },
  {
    file: 'backendai/events/outbox-file.ts',
    sync: 'fsyncSync(descriptor);',
    breaks: 'managers that cannot be reached',
  },
  {
    file: 'backendai/events/outbox-file.ts',
    sync: 'for (const folder of [dirname(path), dirname(dirname(path))]) syncFolderNow(folder);',
    without: 'syncFolderNow(dirname(path));',
    breaks: managers,
  },
  {
    file: 'backendai/events/outbox-file.ts',
    sync: 'for (const folder of [dirname(path), dirname(dirname(path))]) syncFolderNow(folder);',
    without: 'syncFolderNow(dirname(dirname(path)));',
    breaks: managers,
  },
];
