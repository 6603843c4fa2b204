/**
 * Containers made bare with the very bodies that the engine got for kernels, with the same folders in place: what a
 * kernel's creation and end stand beside.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Stage } from './stage.ts';

const run = promisify(execFile);

/** The kernel's folders on the host that a container's body binds. */
export function scratchFolders(body: unknown): string[] {
  return [...JSON.stringify(body).matchAll(/"Source":"([^"]+\/scratch\/[^"]+)"/g)].map(([, folder]) => `${folder}`);
}

/** A body whose folders are kept. Disposing removes the copies, and what was put back. */
export class BareTwin implements AsyncDisposable {
  readonly body: unknown;
  readonly #folders: readonly string[];
  readonly #kept: string;

  private constructor(body: unknown, folders: readonly string[], kept: string) {
    this.body = body;
    this.#folders = folders;
    this.#kept = kept;
  }

  /** Copies the folders as they are, with owners and modes; a runner replaces its socket. */
  static async of(stage: Stage, body: unknown): Promise<BareTwin> {
    const folders = scratchFolders(body);
    const kept = await mkdtemp(path.join(stage.folder, 'kept-'));
    for (const [index, folder] of folders.entries()) await run('cp', ['-a', folder, path.join(kept, String(index))]);
    return new BareTwin(body, folders, kept);
  }

  /** Puts the folders back, once the kernel is gone. */
  async restore(): Promise<void> {
    for (const [index, folder] of this.#folders.entries()) {
      await mkdir(path.dirname(folder), { recursive: true });
      await run('cp', ['-a', path.join(this.#kept, String(index)), folder]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const folder of this.#folders) await rm(path.dirname(folder), { recursive: true, force: true });
    await rm(this.#kept, { recursive: true, force: true });
  }
}
