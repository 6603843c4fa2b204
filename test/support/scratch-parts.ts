/** What scratch folders of tests work with. */
import { silentLogger } from '../../src/lib/log.ts';
import type { ScratchFoldersParts } from '../../src/storage/scratch.ts';

/** Nothing is kept, and every folder takes a kilobyte of a large disk; `change` replaces parts. */
export const scratchParts = (change: Partial<ScratchFoldersParts> = {}): ScratchFoldersParts => ({
  log: silentLogger,
  limits: { keepMs: 0, maxBytes: 0 },
  measure: async () => ({ bytes: 1_000, complete: true }),
  space: async () => ({ free: 2 ** 40, total: 2 ** 40 }),
  ...change,
});
