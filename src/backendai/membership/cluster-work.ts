/** The work that outlives a manager's call: background tasks and batch runs, noted in the state folder. */
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import { JsonStore } from '../../storage/json-store.ts';
import { BackgroundTasks, taskNote } from '../operations/background-tasks.ts';
import { BatchRuns, batchNote } from '../operations/batch-runs.ts';
import { removeUnfinished } from '../operations/commit-place.ts';
import { Commits } from '../operations/commits.ts';
import { ImageTasks } from '../operations/image-tasks.ts';
import type { ClusterParts } from './cluster-parts.ts';

/** The work. Disposing it cancels tasks and tells of that; batch runs go on. */
export interface ClusterWork extends AsyncDisposable {
  readonly commits: Commits;
  readonly images: ImageTasks;
  readonly batches: BatchRuns;
}

/** Reads what an earlier process has noted, and reports its tasks as failed. */
export async function openClusterWork(parts: ClusterParts, agent: Agent, stateDir: string): Promise<ClusterWork> {
  const { book, redis, built, settings, identity, limits, clock, log } = parts;
  const tell = book.announce.bind(book);
  const freeName = book.freeName.bind(book);
  const tasks = new BackgroundTasks({
    records: redis.tasks,
    tell,
    hasTold: (name) => book.hasAnnounced(name),
    freeName,
    notes: await JsonStore.open(path.join(stateDir, 'tasks'), taskNote, log),
    clock,
    log,
  });
  const batches = new BatchRuns({
    agent,
    notes: await JsonStore.open(path.join(stateDir, 'batches'), batchNote, log),
    tell,
    freeName,
    clock,
    log,
  });
  const { imageCommitPath: root } = settings.agent;
  removeUnfinished(root).catch((error: unknown) => log.warn('unfinished files could not be removed', { root, error }));
  const { engine, kernels } = built;
  const { agentId } = identity;
  return {
    batches,
    commits: new Commits({
      engine,
      kernels,
      tasks,
      tellCommitting: (ids) => redis.statistics.writeCommitting(ids),
      root,
      clock,
      log,
    }),
    images: new ImageTasks({ agentId, agent, engine, tasks, tell, limits, clock }),
    async [Symbol.asyncDispose]() {
      await batches[Symbol.asyncDispose]();
      await tasks[Symbol.asyncDispose]();
    },
  };
}
