/** Limits that a cluster sets for all of its nodes below `config/agent` (spec cluster-state 1.8). Pure. */
import { parseByteSize } from '../../lib/byte-size.ts';
import { KerneletError } from '../../lib/errors.ts';
import { isNested, type NestedTable } from './nested-table.ts';

/** What holds on every node of the cluster, with upstream's defaults where etcd says nothing. */
export interface ClusterLimits {
  /** Of the log that the engine keeps of a container; null: none. */
  readonly containerLogBytes: number | null;
  /** Of one chunk of a log that is kept for the manager. */
  readonly containerLogChunkBytes: number;
  /** For pulling an image; null: none. */
  readonly pullTimeoutMs: number | null;
  /** For pushing one; null: none. */
  readonly pushTimeoutMs: number | null;
  /** From the start of a container until its runner is ready; null: the cluster does not say. */
  readonly kernelStartTimeoutMs: number | null;
}

/** Reads the table of `config/agent`. Throws INVALID_CONFIG, naming the key in etcd. */
export function clusterLimits(table: NestedTable): ClusterLimits {
  return {
    containerLogBytes: sizeAt(table, 'container-logs/max-length', 10 * 2 ** 20),
    containerLogChunkBytes: Math.min(sizeAt(table, 'container-logs/chunk-size', 64 * 1024) ?? maxChunk, maxChunk),
    pullTimeoutMs: timeoutAt(table, 'api/pull-timeout', 7200),
    pushTimeoutMs: timeoutAt(table, 'api/push-timeout', null),
    // The two keys beside it are of how often runners are asked: ours say by themselves that they are ready.
    kernelStartTimeoutMs: timeoutAt(table, 'kernel-lifecycles/init-timeout-sec', null),
  };
}

/** A chunk is held in memory as a whole. */
const maxChunk = 16 * 2 ** 20;

function textAt(table: NestedTable, path: string): string | undefined {
  let value: string | NestedTable | undefined = table;
  for (const name of path.split('/')) value = isNested(value) ? value[name] : undefined;
  return typeof value === 'string' ? value.trim() : undefined;
}

/** null stands for no limit. */
function sizeAt(table: NestedTable, path: string, fallback: number): number | null {
  const text = textAt(table, path);
  if (text === undefined) return fallback;
  if (/^inf(inite|inity)?$/i.test(text)) return null;
  try {
    const bytes = parseByteSize(text);
    if (bytes > 0) return bytes;
  } catch {
    // Refused below.
  }
  throw refusal(path, text, 'a size above 0, such as 10M');
}

function timeoutAt(table: NestedTable, path: string, fallbackS: number | null): number | null {
  const text = textAt(table, path);
  if (text !== undefined && /^(none|null|nil)$/i.test(text)) return null;
  const seconds = numberAt(table, path) ?? fallbackS;
  return seconds === null ? null : seconds * 1000;
}

function numberAt(table: NestedTable, path: string): number | undefined {
  const text = textAt(table, path);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (text !== '' && number >= 0 && number < 1e9) return number;
  throw refusal(path, text, 'a number of at least 0');
}

function refusal(path: string, text: string, wanted: string): KerneletError {
  const key = `config/agent/${path}`;
  return new KerneletError('INVALID_CONFIG', `etcd: ${key} = ${JSON.stringify(text.slice(0, 80))} is not ${wanted}`, {
    context: { key, place: 'etcd' },
  });
}
