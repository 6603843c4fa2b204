/** Losses of power at every moment: what the program promises of what it has written holds, and without any of its syncs it does not. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Explored } from './crash-scenario.ts';
import { droppedSyncs } from './dropped-syncs.ts';

const worker = path.join(import.meta.dirname, 'worker.ts');
const timeout = 300_000;

async function explore(...args: readonly string[]): Promise<readonly Explored[]> {
  const env = { ...process.env, NODE_COMPILE_CACHE: path.join(tmpdir(), 'kernelet-crash-consistency') };
  const { stdout } = await promisify(execFile)(process.execPath, [worker, ...args], { timeout, env });
  return JSON.parse(stdout) as readonly Explored[];
}

const sources = path.resolve(import.meta.dirname, '../../../src');

/** What a sync looks like, and a wait for one. */
const syncForm =
  /(?<!function )\b(?:fsyncSync|fdatasync|syncData|syncFolder|syncFolderNow)\(|(?<!async )[.#]sync\(|[.#](?:afterSync|synced)\(/;

/** Which the table has no line for, and why not. */
const elsewhere: Readonly<Record<string, string>> = {
  'storage/runner-volume/install.ts': 'a copy that was lost in part is seen by its manifest, and made again',
  'storage/ballast.ts': 'it holds room and nothing else, and is made again',
  'backendai/operations/commits.ts': 'a file for a manager, who asks for it again',
};

describe('what is on the disk after a loss of power', () => {
  // @promise power-loss
  it('keeps every promise, whenever the power is lost and whatever was not synced', { timeout }, async () => {
    const explored = await explore();
    expect(explored.flatMap(({ failure }) => failure ?? [])).toEqual([]);
    expect(explored.every(({ states }) => states > 20)).toBe(true);
  });

  it('has each sync of the sources in the table of those that are dropped', async () => {
    const missing: string[] = [];
    for (const name of await readdir(sources, { recursive: true })) {
      if (!name.endsWith('.ts') || name.endsWith('.test.ts') || name in elsewhere) continue;
      let rest = await readFile(path.join(sources, name), 'utf8');
      for (const { file, sync } of droppedSyncs) if (file === name) rest = rest.replace(sync, '');
      const lines = rest.split('\n').filter((line) => syncForm.test(line));
      missing.push(...lines.map((line) => `${name}: ${line.trim()}`));
    }
    expect(missing).toEqual([]);
  });

  it.concurrent.each(droppedSyncs.map((dropped, index) => ({ ...dropped, index })))(
    'breaks a promise without "$sync" in $file ($index)',
    { timeout },
    async ({ index }) => {
      const explored = await explore('--without', String(index));
      expect(explored.some(({ failure }) => failure !== null)).toBe(true);
    },
  );
});
