/** Runs every vector file in and below a folder. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { kinds } from './kinds/index.ts';
import { type CaseResult, isObject, type VectorKind } from './vector-kind.ts';

/** How many problems of a file are spelled out. */
const shownProblems = 10;

/** What became of one file. */
export interface FileOutcome {
  readonly file: string;
  readonly kind: string;
  readonly passed: number;
  readonly failed: readonly CaseResult[];
}

/** The vector files in and below a folder (or the file itself), in order of name. */
export async function vectorFiles(place: string): Promise<readonly string[]> {
  if ((await stat(place)).isFile()) return [place];
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && entry.name.endsWith('.json'))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

/** Runs a file. One that can't be read, is of no known kind, or of which the kind runs nothing, counts as one failure. */
export async function runFile(file: string, known: readonly VectorKind[] = kinds): Promise<FileOutcome> {
  const whole = (kind: string, problem: string): FileOutcome => ({
    file,
    kind,
    passed: 0,
    failed: [{ id: 'the file', problem }],
  });
  let document: unknown;
  try {
    document = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    return whole('unreadable', String(error));
  }
  if (hasNoEntries(document)) return { file, kind: 'empty', passed: 0, failed: [] };
  const kind = known.find((candidate) => candidate.recognises(document));
  if (!kind) return whole('unknown', 'is of no known kind');
  try {
    const results = await kind.run(document);
    if (results.length === 0) return whole(kind.name, 'has no case');
    const failed = results.filter(({ problem }) => problem !== null);
    return { file, kind: kind.name, passed: results.length - failed.length, failed };
  } catch (error) {
    return whole(kind.name, error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

/** The lines for a file: one, and one for each of its first problems. */
export function describeOutcome({ file, kind, passed, failed }: FileOutcome): readonly string[] {
  const verdict = failed.length === 0 ? 'ok    ' : 'FAILED';
  return [
    `${verdict} ${file} (${kind}): ${passed} passed, ${failed.length} failed`,
    ...failed.slice(0, shownProblems).map(({ id, problem }) => `       ${id}: ${problem}`),
    ...(failed.length > shownProblems ? [`       … and ${failed.length - shownProblems} more`] : []),
  ];
}

/** Lists that are all empty: the file counts nothing. */
function hasNoEntries(document: unknown): boolean {
  if (Array.isArray(document)) return document.length === 0;
  if (!isObject(document)) return false;
  const lists = Object.values(document).filter(Array.isArray);
  return lists.length > 0 && lists.every((list) => list.length === 0);
}
