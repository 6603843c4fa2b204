/**
 * What a tenant may find open, as `allow-list.txt` says it. A line is a pattern and, behind `#`, why it may be: in a
 * pattern `*` stands for anything but a slash, `**` for anything, and `{a,b}` for each of these. `[member]` in front: only in
 * such kernels. `!` in front: never, whatever other lines say.
 */

import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface AllowList {
  /** What none of its lines allows in kernels of this kind. */
  unexpected(open: readonly string[], kind: string): readonly string[];
}

interface Line {
  readonly kind: string | null;
  readonly never: boolean;
  readonly pattern: RegExp;
}

/** Throws for a line without a reason. Pure. */
export function parseAllowList(text: string): AllowList {
  const lines = text.split('\n').flatMap((line, index) => (/^\s*(#|$)/.test(line) ? [] : [parseLine(line, index + 1)]));
  const holdingFor = (kind: string): readonly Line[] =>
    lines.filter((line) => line.kind === null || line.kind === kind);
  return {
    unexpected: (open, kind) =>
      open.filter((one) => {
        const matching = holdingFor(kind).filter(({ pattern }) => pattern.test(one));
        return matching.length === 0 || matching.some(({ never }) => never);
      }),
  };
}

function parseLine(line: string, number: number): Line {
  const [, never, kind, text, reason] = /^(!)?(?:\[(\w+)\] )?(.+?)\s+#\s*(.*)$/.exec(line) ?? [];
  if (text === undefined || !reason) throw new Error(`line ${number} of the allow-list has no reason: ${line}`);
  return { kind: kind ?? null, never: never !== undefined, pattern: new RegExp(`^${patternOf(text)}$`) };
}

/** The pieces stand in the order in which they are looked for: two stars before one. */
const wild: Readonly<Record<string, string>> = { '**': '.*', '*': '[^/]*', '{': '(?:', ',': '|', '}': ')' };

function patternOf(text: string): string {
  let inBraces = false;
  const pieces = text.match(/\*\*|[*{},]|[^*{},]+/g) ?? [];
  return pieces
    .map((piece) => {
      // A comma is one elsewhere.
      const meant = piece === ',' && !inBraces ? undefined : wild[piece];
      if (piece === '{' || piece === '}') inBraces = piece === '{';
      return meant ?? piece.replaceAll(/[.+?^$()|[\]\\]/g, '\\$&');
    })
    .join('');
}

const fileOfList = path.join(import.meta.dirname, 'allow-list.txt');

/** The list of this project's kernels. */
export const allowedForTenants = (): AllowList => parseAllowList(readFileSync(fileOfList, 'utf8'));

/** Throws an error that names every line that is open in a kernel of this kind and not allowed. */
export function assertAllowed(open: readonly string[], kind: string): void {
  const unexpected = allowedForTenants().unexpected(open, kind);
  if (unexpected.length === 0) return;
  throw new Error(`open in a kernel (${kind}), and not in ${fileOfList}:\n  ${unexpected.join('\n  ')}`);
}
