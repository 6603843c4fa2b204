/** What differs between two looks at a folder. Pure. */
import type { FileChange, FileType } from '../../protocol/kernel-files.ts';
import { nameText } from './entry.ts';

/** What is remembered of a file. */
export interface Glance {
  readonly type: FileType;
  /** Says which file it is, and when its content was written. A folder's content is told of by its own files. */
  readonly content: string;
  readonly attributes: string;
  /** Written so shortly before the look that another change may bear the same time. */
  readonly fresh: boolean;
}

/** Files by their path in the folder, whose bytes are characters here. */
export type Look = ReadonlyMap<string, Glance>;

/** What happened between two looks, removals first; `hinted`: paths of which the system has told meanwhile. */
export function changesBetween(before: Look, after: Look, hinted: ReadonlySet<string>): readonly FileChange[] {
  const removed = [...before]
    .filter(([path, { type }]) => after.get(path)?.type !== type)
    .toSorted(byPath)
    .toReversed();
  const changed = [...after].toSorted(byPath).flatMap(([path, glance]) => {
    const type = difference(before.get(path), glance, hinted.has(path));
    return type === null ? [] : [change(type, path, glance.type)];
  });
  return [...removed.map(([path, { type }]) => change('removed', path, type)), ...changed];
}

function difference(
  before: Glance | undefined,
  after: Glance,
  isHinted: boolean,
): 'created' | 'written' | 'attributes' | null {
  if (before?.type !== after.type) return 'created';
  if (before.content !== after.content) return 'written';
  if (before.attributes !== after.attributes) return 'attributes';
  return before.fresh && isHinted && after.type !== 'folder' ? 'written' : null;
}

const change = (type: 'created' | 'written' | 'attributes' | 'removed', path: string, file: FileType): FileChange => ({
  type,
  path: nameText(Buffer.from(path, 'latin1')),
  file,
});

const byPath = ([one]: readonly [string, Glance], [other]: readonly [string, Glance]): number =>
  one < other ? -1 : one > other ? 1 : 0;
