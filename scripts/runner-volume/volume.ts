/**
 * The runner volume, complete: one folder that runs the runner in any Linux image, GNU, musl or empty (design: agent and
 * runner; spec kernel-runner 23). It is made here, at build time; the daemon copies it beside its state and binds the copy
 * at `containerPaths.volume` (`src/storage/runner-volume/`).
 */
import { copyFile, link, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  describeFolder,
  type Manifest,
  manifestName,
  parseManifest,
} from '../../src/storage/runner-volume/manifest.ts';
import { type BaseOptions, ensureBase, setModes } from './base.ts';

/**
 * Completes the volume in `folder`, in which `runner/` lies already: lays the base beside it and writes the list of all of
 * it. Throws one sentence when a part of the base cannot be had; then there is no list, and the daemon makes no kernels.
 */
export async function completeRunnerVolume(folder: string, options: BaseOptions): Promise<void> {
  await writeFile(join(folder, 'runner/package.json'), '{"type":"module"}\n');
  await setModes(join(folder, 'runner'), () => 0o444);
  const base = await ensureBase(options);
  const list = parseManifest(await readFile(join(base, manifestName), 'utf8'));
  if (list === null) throw new Error(`${base} is damaged: remove it and build again`);
  for (const entry of await readdir(base, { withFileTypes: true, recursive: true })) {
    const from = join(entry.parentPath, entry.name);
    const to = join(folder, from.slice(base.length));
    if (entry.isDirectory()) await mkdir(to, { recursive: true });
    else if (entry.name !== manifestName || dirname(from) !== base) {
      await mkdir(dirname(to), { recursive: true });
      if (entry.isSymbolicLink()) await symlink(await readlink(from), to);
      // The two may lie on different file systems.
      else await link(from, to).catch(() => copyFile(from, to));
    }
  }
  const runner = (await describeFolder(join(folder, 'runner'))).entries;
  const entries = [...list.entries, ...runner.map((entry) => ({ ...entry, path: `runner/${entry.path}` }))];
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest: Manifest = { version: 1, entries };
  await writeFile(join(folder, manifestName), `${JSON.stringify(manifest, null, 1)}\n`, { mode: 0o444 });
}
