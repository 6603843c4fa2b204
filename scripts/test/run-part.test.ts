import { globSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { measuredFolders } from './parts.mjs';
import { runsOf } from './run-part.mjs';

const units = globSync('src/**/*.test.ts');

describe('the whole part of units', () => {
  it('runs each of them once: those of the folders whose branches are measured, then all others', () => {
    const [measured = [], others = [], ...more] = runsOf('unit', []);
    expect(more).toEqual([]);
    expect([measured.includes('--coverage'), others.includes('--coverage')]).toEqual([true, false]);
    const folders = measured.filter((argument) => !argument.startsWith('--'));
    const left = others.flatMap((argument) => argument.match(/^--exclude=(.*)$/)?.slice(1) ?? []);
    expect(folders).toHaveLength(measuredFolders.length);
    // Of a folder that is not there nothing would be measured, and nothing missed.
    for (const folder of folders) expect(units.filter((unit) => unit.startsWith(folder))).not.toEqual([]);
    for (const unit of units) {
      const isMeasured = folders.some((folder) => unit.includes(folder));
      expect([unit, left.some((glob) => path.matchesGlob(unit, glob))]).toEqual([unit, isMeasured]);
    }
  });
});

describe('a part of which some files are wanted', () => {
  it('measures nothing, since what these do not reach others may', () => {
    expect(runsOf('unit', ['src/lib'])).toEqual([['--maxWorkers=2', '--passWithNoTests', 'src/lib']]);
    expect(runsOf('peers', [])).toEqual([[]]);
  });
});
