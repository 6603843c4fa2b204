import { expect, it } from 'vitest';
import type { FileChange } from '../../protocol/kernel-files.ts';
import { changesBetween, type Glance } from './folder-changes.ts';

const glance = (changed: Partial<Glance> = {}): Glance => ({
  ...{ type: 'file', content: '1', attributes: '1', fresh: false },
  ...changed,
});
const look = (files: Record<string, Partial<Glance>>) =>
  new Map(Object.entries(files).map(([path, changed]) => [path, glance(changed)]));
const told = (changes: readonly FileChange[]) =>
  changes.map((change) => ('file' in change ? `${change.type} ${change.path} ${change.file}` : change.type));
const nothing = new Set<string>();

it('tells what is gone from below, then what is new and other from above', () => {
  const before = look({ a: { type: 'folder' }, 'a/b': {}, c: {}, d: {}, e: {}, same: {} });
  const after = look({
    c: { content: '2' },
    d: { attributes: '2' },
    e: { type: 'pipe' },
    n: { type: 'folder' },
    'n/o': {},
    same: {},
  });
  expect(told(changesBetween(before, after, nothing))).toEqual([
    ...['removed e file', 'removed a/b file', 'removed a folder'],
    ...['written c file', 'attributes d file', 'created e pipe', 'created n folder', 'created n/o file'],
  ]);
  expect(changesBetween(after, after, nothing)).toEqual([]);
});

it('tells of a file that may have been written again within the same moment, when the system has told of it', () => {
  const before = look({
    hinted: { fresh: true },
    quiet: { fresh: true },
    old: {},
    folder: { type: 'folder', fresh: true },
  });
  const hints = new Set(['hinted', 'old', 'folder']);
  expect(told(changesBetween(before, before, hints))).toEqual(['written hinted file']);
});

it('tells names that are not UTF-8 in a form that can be read', () => {
  const path = Buffer.from([0x61, 0xff, 0xc3, 0xbc]).toString('latin1');
  expect(told(changesBetween(look({}), look({ [path]: {} }), nothing))).toEqual(['created a\\xffü file']);
});
