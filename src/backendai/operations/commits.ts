/**
 * Kernels made into images, or into files (spec rpc 8.15, 8.16, kernel-lifecycle 18.6): a background task for each, one
 * at a time for a kernel. While one is under way, a key says so that forgets itself.
 */
import { createWriteStream } from 'node:fs';
import { lstat, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Engine } from '../../engine/engine.ts';
import { labelNames } from '../../kernel/container/ownership.ts';
import type { KernelRegistry } from '../../kernel/kernel-registry.ts';
import type { KernelRecord } from '../../kernel/record.ts';
import { syncFolder } from '../../lib/atomic-file.ts';
import { type Clock, sleep } from '../../lib/clock.ts';
import { KerneletError } from '../../lib/errors.ts';
import { makeFolder } from '../../lib/folders.ts';
import type { KernelId } from '../../lib/ids.ts';
import type { Logger } from '../../lib/log.ts';
import type { BackgroundTasks, TaskProgress } from './background-tasks.ts';

/** What is to be made of a kernel. */
export interface CommitRequest {
  /** The folder below `agent.image-commit-path`, of up to four parts. */
  readonly subdir: string;
  /** The image's name; of a file it is only what the kernel's own image is called. */
  readonly canonical: string | null;
  /** null: an image is made; else a file. */
  readonly filename: string | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Where the containers are, where images and files of them go, and who hears of it. */
export interface CommitsParts {
  readonly engine: Pick<Engine, 'commitContainer' | 'exportImage' | 'removeImage' | 'inspectImage'>;
  readonly kernels: Pick<KernelRegistry, 'get'>;
  readonly tasks: Pick<BackgroundTasks, 'begin'>;
  /** Says for some seconds that these kernels are being committed. */
  readonly publishCommitting: (kernels: readonly KernelId[]) => Promise<void>;
  /** `agent.image-commit-path`: the folder of the files. */
  readonly root: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The key lives for 13 s. */
const publishPauseMs = 7_000;
const commitMs = 3_600_000;
const exportMs = 4 * 3_600_000;
const removeMs = 60_000;
const gzipLevel = 6;

/** Labels of a kernel's container that say nothing of an image. */
const ownLabels = Object.fromEntries(Object.values(labelNames).map((name) => [name, '']));

/** The commits that are under way. */
export class Commits {
  readonly #parts: CommitsParts;
  readonly #open = new Set<KernelId>();

  constructor(parts: CommitsParts) {
    this.#parts = parts;
  }

  /** Whether the kernel is being committed. Throws KERNEL_NOT_FOUND. */
  isOngoing(kernel: KernelId): boolean {
    this.#running(kernel);
    return this.#open.has(kernel);
  }

  /**
   * Begins; gives the task's id. Throws KERNEL_NOT_FOUND, KERNEL_NOT_RUNNING, INVALID_ARGUMENT for names that cannot be,
   * and what the task's begin throws. A kernel that is being committed already fails the task.
   */
  async begin(kernel: KernelId, request: CommitRequest): Promise<string> {
    this.#running(kernel);
    checkFolder(request.subdir);
    if (request.filename !== null) checkFilename(request.filename);
    return await this.#parts.tasks.begin(`the commit of kernel ${kernel}`, async (progress, signal) => {
      if (this.#open.has(kernel)) {
        throw new KerneletError('OVERLOADED', `the kernel ${kernel} is being committed already`);
      }
      this.#open.add(kernel);
      const published = new AbortController();
      const publishing = this.#keepPublishing(kernel, published.signal);
      try {
        await this.#make(this.#running(kernel), request, progress, signal);
      } finally {
        this.#open.delete(kernel);
        published.abort();
        await publishing;
      }
      return '';
    });
  }

  #running(kernel: KernelId): KernelRecord {
    const record = this.#parts.kernels.get(kernel);
    if (record.phase === 'terminated') {
      throw new KerneletError('KERNEL_NOT_FOUND', `kernel ${kernel} has ended`, { context: { kernel } });
    }
    return record;
  }

  async #make(
    record: KernelRecord,
    request: CommitRequest,
    progress: TaskProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const { containerId, spec } = record;
    if (containerId === null) throw new KerneletError('KERNEL_NOT_RUNNING', `kernel ${spec.id} has no container`);
    const { engine, root } = this.#parts;
    const { subdir, canonical, filename } = request;
    const place = filename === null ? null : await commitPlace(root, subdir, filename);
    progress(0, place === null ? 1 : 2, 'making an image');
    // The engine finishes what it has begun, so nothing but its own bound ends it.
    const bound = AbortSignal.timeout(commitMs);
    const { command } = await engine.inspectImage(spec.image.id, bound);
    // In the file's case the name is that of the kernel's own image, which must keep it.
    const options = {
      reference: place === null ? canonical : null,
      labels: { ...ownLabels, ...request.labels },
      command,
    };
    const image = await engine.commitContainer(containerId, options, bound);
    if (place === null) return;
    try {
      progress(1, 2, 'writing the file');
      await this.#write(image, place, AbortSignal.any([signal, AbortSignal.timeout(exportMs)]));
    } finally {
      await this.#remove(image);
    }
  }

  /** The file appears when it is whole. */
  async #write(image: string, place: string, signal: AbortSignal): Promise<void> {
    const unfinished = unfinishedPlace(place);
    try {
      const archive = Readable.from(this.#parts.engine.exportImage(image, signal), { objectMode: false });
      await pipeline(archive, createGzip({ level: gzipLevel }), createWriteStream(unfinished, { mode: 0o644 }), {
        signal,
      });
      {
        await using file = await open(unfinished, 'r');
        await file.sync();
      }
      await rename(unfinished, place);
      await syncFolder(dirname(place));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
  }

  async #remove(image: string): Promise<void> {
    const { engine, log } = this.#parts;
    await engine.removeImage(image, { force: true }, AbortSignal.timeout(removeMs)).catch((error: unknown) => {
      log.warn('the image of a commit could not be removed', { image, error });
    });
  }

  async #keepPublishing(kernel: KernelId, signal: AbortSignal): Promise<void> {
    const { clock, log, publishCommitting } = this.#parts;
    while (!signal.aborted) {
      await publishCommitting([kernel]).catch((error: unknown) => {
        log.debug('a commit under way could not be published', { kernel, error });
      });
      await sleep(clock, publishPauseMs, signal).catch(() => {});
    }
  }
}

const maxName = 200;
const unfinished = '.unfinished';

/** Throws INVALID_ARGUMENT for what cannot be a folder below the commit path: managers give an address of e-mail. */
function checkFolder(subdir: string): void {
  const parts = subdir.split('/');
  if (parts.length <= 4 && parts.every(isPlainName)) return;
  throw new KerneletError('INVALID_ARGUMENT', `${shown(subdir)} cannot be a folder for committed kernels`);
}

/** Throws INVALID_ARGUMENT for what cannot be the name of a file. */
function checkFilename(name: string): void {
  if (isPlainName(name)) return;
  throw new KerneletError('INVALID_ARGUMENT', `${shown(name)} cannot be the name of a committed kernel's file`);
}

/**
 * Makes the folder and gives the path of the file in it. Throws INVALID_ARGUMENT when a part of it is a link that leads
 * elsewhere, or when something of this name is there, and the system's error.
 */
async function commitPlace(root: string, subdir: string, filename: string): Promise<string> {
  checkFolder(subdir);
  checkFilename(filename);
  await makeFolder(root, 0o755);
  const top = await realpath(root);
  const folder = join(top, subdir);
  await makeFolder(folder, 0o755);
  if ((await realpath(folder)) !== folder || !folder.startsWith(top + sep)) {
    throw new KerneletError('INVALID_ARGUMENT', `${shown(subdir)} is a link to a folder elsewhere`);
  }
  const place = join(folder, filename);
  if (await lstat(place).catch(() => null)) {
    throw new KerneletError('INVALID_ARGUMENT', `there is a file ${shown(filename)} already`);
  }
  return place;
}

/** Where a file is written until it is whole; nobody else's name, since managers cannot give one that is hidden. */
function unfinishedPlace(place: string): string {
  return join(dirname(place), `.${basename(place)}${unfinished}`);
}

/** Removes what a process that was killed has left half-written. Throws the system's error. */
export async function removeUnfinished(root: string): Promise<void> {
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.startsWith('.') || !entry.name.endsWith(unfinished)) continue;
    await rm(join(entry.parentPath, entry.name), { force: true });
  }
}

/** One step of a path: nothing hidden, so that it is no file of ours either. */
function isPlainName(name: string): boolean {
  return name !== '' && !name.startsWith('.') && name.length <= maxName && !/[/\\\p{Cc}]/u.test(name);
}

function shown(name: string): string {
  return JSON.stringify(name.slice(0, maxName));
}
