/**
 * Lays the files that a kernel begins with, and the places for mounts in its home, which would be root's if the engine
 * made them. A restart leaves all of them as their user has made them since (spec kernel-lifecycle 5.4–5.7, B20), and a home
 * that is brought back keeps what is in it.
 */
import type { Logger } from '../../../lib/log.ts';
import { containerPaths } from '../../../protocol/image-contract.ts';
import type { UsersOfContainers } from '../../../storage/container-users.ts';
import type { ForeignFiles } from '../../../storage/file-systems/file-systems.ts';
import type { Owner, ScratchFolders } from '../../../storage/scratch.ts';
import { placeEmptyFile, placeFile, placeFileIfAbsent, placeFolder } from '../../../storage/scratch-files.ts';
import type { KernelRecord } from '../../record.ts';
import type { KernelFile } from '../../spec.ts';
import type { CreationStep } from '../step.ts';

const placeMode = 0o755;

/** A folder that leads to a file is as open as the file, and can be passed through by whoever may read it (B19). */
export function folderModeOf(mode: number): number {
  return mode | 0o700 | (0o111 & (mode >> 2));
}

/** What the step works with. */
export interface FilesParts {
  readonly scratch: ScratchFolders;
  readonly users: UsersOfContainers;
  readonly files: Pick<ForeignFiles, 'find'>;
  readonly log: Logger;
}

/**
 * Writes them once, before the first container: a restart keeps what the tenant made of them. Throws STATE_UNUSABLE,
 * FILE_SYSTEM_HUNG.
 */
export function filesStep({ scratch, users, files, log }: FilesParts): CreationStep {
  const lay = async ({ spec }: KernelRecord, file: KernelFile, owner: Owner | null): Promise<void> => {
    const { folder, path, mode, text } = file;
    const { work, config } = scratch.paths(spec.id);
    // In the configuration, which nobody in the kernel can change, everybody finds what is theirs.
    const folderMode = folder === 'home' ? folderModeOf(mode) : placeMode;
    await placeFile(folder === 'home' ? work : config, path, text, { mode, owner, folderMode });
  };
  /** What a user has made of the files is theirs, also what is in the way of one now. */
  const layWhatIsMissing = async (
    { spec }: KernelRecord,
    file: KernelFile,
    owner: Owner | null,
    laid: Set<string>,
  ): Promise<void> => {
    const { path, mode, text } = file;
    const belonging = { mode, owner, folderMode: folderModeOf(mode) };
    const place = laid.has(path) ? placeFile : placeFileIfAbsent;
    try {
      if ((await place(scratch.paths(spec.id).work, path, text, belonging)) === true) laid.add(path);
    } catch (error) {
      log.warn('a file cannot be laid into a home that is brought back', { kernel: spec.id, path, error });
    }
  };
  return {
    name: 'files',
    scope: 'kernel',
    deadlineMs: 30_000,
    async apply(record, deadline) {
      const { spec } = record;
      const who = await users(deadline.signal);
      const { work } = scratch.paths(spec.id);
      // In order: of two files with one name the later one counts.
      const laid = new Set<string>();
      for (const file of spec.files) {
        deadline.check();
        const owner = file.owner === 'tenant' ? who.onHost(spec.user) : who.root;
        if (record.restoredFrom !== null && file.folder === 'home') await layWhatIsMissing(record, file, owner, laid);
        else await lay(record, file, owner);
      }
      for (const { source, target } of spec.mounts) {
        if (!target.startsWith(`${containerPaths.home}/`)) continue;
        const path = target.slice(containerPaths.home.length + 1);
        const place = (await files.find(source)).kind === 'folder' ? placeFolder : placeEmptyFile;
        await place(work, path, { mode: placeMode, owner: who.onHost(spec.user) });
      }
      return {};
    },
    // They lie in the scratch folder and end with it.
    async revert() {},
  };
}
