/**
 * `node worker.ts [--without N]`: explores the scenarios on the sources, or on those without the sync of that place in the table, of
 * which it explores the one that is to fail. Prints what came of each as JSON. A process of its own, since the machine is simulated
 * for all of its code.
 */
import { registerHooks } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import '../world/interposition.ts';
import type { Explored } from './crash-scenario.ts';
import { type DroppedSync, droppedSyncs } from './dropped-syncs.ts';

const sources = path.resolve(import.meta.dirname, '../../../src');

/** Has a file of the sources loaded without its sync. */
function drop({ file, sync, without = '' }: DroppedSync): void {
  const url = pathToFileURL(path.join(sources, file)).href;
  registerHooks({
    load(at, context, nextLoad) {
      const loaded = nextLoad(at, context);
      if (at !== url) return loaded;
      const source = String(loaded.source);
      if (source.split(sync).length !== 2) throw new Error(`${file} does not have this once: ${sync}`);
      return { ...loaded, source: source.replace(sync, () => without) };
    },
  });
}

const { values } = parseArgs({ options: { without: { type: 'string' } } });
const dropped = values.without === undefined ? undefined : droppedSyncs[Number(values.without)];
if (dropped) drop(dropped);

const { journalScenarios } = await import('./journal-scenarios.ts');
const { endScenarios } = await import('./end-scenarios.ts');
const { stateScenarios } = await import('./state-scenarios.ts');

/** In which order calls end that go on at the same time follows from a seed. */
const seeds = dropped ? [1, 2, 3, 4, 5, 6, 7, 8] : [2, 3];
const explored: Explored[] = [];
for (const scenario of [...journalScenarios, ...endScenarios, ...stateScenarios]) {
  if (dropped && !scenario.promise.startsWith(dropped.breaks)) continue;
  for (const seed of seeds) {
    const found = await scenario.explore(seed);
    explored.push(found);
    if (found.failure !== null) break;
  }
}
console.log(JSON.stringify(explored));
