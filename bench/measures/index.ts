/** The measures, in the order in which they run. Each gets a fresh daemon. */
import type { Measure } from '../measure.ts';
import { allocation } from './allocation.ts';
import { lifecycle } from './lifecycle.ts';
import { memberLifecycle } from './member-lifecycle.ts';
import { ipythonQuery, memberQuery } from './member-query.ts';
import { memory } from './memory.ts';
import { oneShot } from './one-shot.ts';
import { output } from './output.ts';
import { query } from './query.ts';
import { rpc } from './rpc.ts';
import { simulated } from './simulated.ts';
import { startUp } from './start-up.ts';
import { statistics } from './statistics.ts';
import { terminal } from './terminal.ts';
import { walls } from './walls.ts';

export const measures: readonly Measure[] = [
  startUp,
  rpc,
  query,
  terminal,
  memory,
  oneShot,
  output,
  lifecycle,
  walls,
  allocation,
  statistics,
  memberQuery,
  ipythonQuery,
  memberLifecycle,
  simulated,
];
