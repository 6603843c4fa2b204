/** The measures, in the order in which they run: those that need an idle daemon first. */
import type { Measure } from '../measure.ts';
import { lifecycle } from './lifecycle.ts';
import { memory } from './memory.ts';
import { oneShot } from './one-shot.ts';
import { output } from './output.ts';
import { query } from './query.ts';
import { startUp } from './start-up.ts';

/** All measures. */
export const measures: readonly Measure[] = [startUp, query, lifecycle, memory, oneShot, output];
