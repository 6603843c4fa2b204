/** What is put into the home of a kernel before its program runs. */
import { stat } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { isAtOrBelow } from '../lib/mount-table.ts';
import { type LocalFile, localFile } from './local-file.ts';
import { filesBelow } from './local-folder.ts';
import { type OptionReader, UsageError } from './option-reader.ts';
import type { Screen } from './screen.ts';

/** Files whose names are their paths in the home, and folders that are empty. */
export interface HomeFiles {
  readonly files: readonly LocalFile[];
  readonly folders: readonly string[];
}

/**
 * The program, which keeps its place in the folder of `--dir`, the files of `--file`, and what lies in that folder. Throws
 * UsageError for what cannot be read, and for two of one name.
 */
export async function homeFiles(
  program: LocalFile | undefined,
  options: OptionReader,
  screen: Screen,
): Promise<HomeFiles> {
  const { workingDirectory } = screen.io;
  const others = await Promise.all(options.list('file').map((path) => localFile(path, workingDirectory)));
  const folder = options.text('dir');
  const below = folder === undefined ? nothing : await contentsOf(resolve(workingDirectory, folder), screen);
  const beside = below.files.filter(({ path }) => path !== program?.path);
  const files = [...(program ? [program] : []), ...others, ...beside];
  const twice = files.find((file, index) => files.findIndex(({ name }) => name === file.name) !== index);
  if (twice) throw new UsageError(`two files are called ${JSON.stringify(twice.name)}`);
  return { files, folders: below.folders };
}

/** A program by the name that it has in the home: its path from the folder of `--dir`, where it lies in that. */
export function inHome(file: LocalFile, options: OptionReader, workingDirectory: string): LocalFile {
  const folder = resolve(workingDirectory, options.text('dir') ?? '');
  const isBelow = options.has('dir') && isAtOrBelow(file.path, folder);
  return isBelow ? { ...file, name: relative(folder, file.path) } : file;
}

const nothing: HomeFiles = { files: [], folders: [] };

async function contentsOf(folder: string, screen: Screen): Promise<HomeFiles> {
  const facts = await stat(folder).catch(() => null);
  if (!facts?.isDirectory()) throw new UsageError(`--dir: ${JSON.stringify(folder)} is no folder`);
  const found = await filesBelow(folder, screen);
  const files = found
    .filter((path) => !path.endsWith('/'))
    .map(async (path) => ({ ...(await localFile(join(folder, path), folder)), name: path }));
  return {
    files: await Promise.all(files),
    folders: found.filter((path) => path.endsWith('/') && path !== './'),
  };
}
