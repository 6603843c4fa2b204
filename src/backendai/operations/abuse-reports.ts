/**
 * Reports on kernels that abuse the node, as a program of the operator's writes them: `report.*.json` in a folder, with
 * kernel, container and reason (spec config-and-ops 23.4). Only kernels of this agent are acted on and marked, since the
 * marks are the whole cluster's.
 */
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Agent } from '../../agent/agent.ts';
import type { Clock } from '../../lib/clock.ts';
import { toKerneletError } from '../../lib/errors.ts';
import { flock } from '../../lib/file-lock.ts';
import { isKernelId, type KernelId } from '../../lib/ids.ts';
import { newer, object, text } from '../../lib/json-reader.ts';
import type { Logger } from '../../lib/log.ts';
import { isSystemError } from '../../lib/system-error.ts';

/** A kernel's place in the report of the cluster. */
export type AbuseMark = 'detected' | 'cleaning';

/** What reports are read with. */
export interface AbuseReportsParts {
  readonly folder: string;
  readonly agent: Pick<Agent, 'list' | 'destroy'>;
  /** Whether reported kernels are ended. */
  readonly ends: boolean;
  /** Puts marks, and takes away those of kernels that have none any more. */
  readonly mark: (marks: ReadonlyMap<string, AbuseMark>, over: readonly string[]) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

const reportForm = /^report\..*\.json$/;
const largestReport = 64 * 1024;
/** A report on a kernel that is not here is of no use after this. */
const staleMs = 24 * 3_600_000;
/** What managers call the reasons of an end that such a report may give (spec cluster-state 4.8). */
const knownReasons: ReadonlySet<string> = new Set([
  'anomaly-detected',
  'exec-timeout',
  'force-terminated',
  'hang-timeout',
  'idle-session-lifetime',
  'idle-timeout',
  'idle-utilization',
  'killed-by-event',
  'self-terminated',
  'unknown',
  'user-requested',
]);

/** The reports of one folder. */
export class AbuseReports {
  readonly #parts: AbuseReportsParts;
  #marked: ReadonlySet<string> = new Set();

  constructor(parts: AbuseReportsParts) {
    this.#parts = parts;
  }

  /** Reads what is there and acts on it. One report that cannot be read is put aside and holds up nothing. */
  async round(): Promise<void> {
    const { folder, agent, mark, log } = this.#parts;
    await using lock = await open(path.join(folder, 'report.lock'), 'a');
    if ((await flock(lock.fd)) !== 'locked') return;
    const here = new Set((await agent.list({ all: false })).map(({ id }) => id));
    const marks = new Map<string, AbuseMark>();
    for (const name of (await readdir(folder)).filter((one) => reportForm.test(one))) {
      try {
        await this.#take(path.join(folder, name), here, marks);
      } catch (error) {
        log.warn('a report of abuse could not be acted on', { name, error });
      }
    }
    const over = [...this.#marked].filter((kernel) => !marks.has(kernel));
    await mark(marks, over);
    this.#marked = new Set(marks.keys());
  }

  async #take(file: string, here: ReadonlySet<KernelId>, marks: Map<string, AbuseMark>): Promise<void> {
    const { ends, clock } = this.#parts;
    const { size, mtimeMs } = await stat(file);
    const report = size > largestReport ? null : readReport(await readFile(file, 'utf8'));
    if (report === null) {
      await rename(file, `${file}.unreadable`);
      throw new Error('it is no report; it was put aside');
    }
    const { kernel, reason } = report;
    if (!here.has(kernel)) {
      if (clock.now() - mtimeMs > staleMs) await rm(file, { force: true });
      return;
    }
    marks.set(kernel, ends ? 'cleaning' : 'detected');
    if (!ends) return;
    this.#end(kernel, knownReasons.has(reason) ? reason : 'anomaly-detected');
    await rm(file).catch((error: unknown) => {
      if (!isSystemError(error, 'ENOENT')) throw error;
    });
  }

  #end(kernel: KernelId, reason: string): void {
    const { agent, log } = this.#parts;
    log.warn('a kernel is ended for abuse', { kernel, reason });
    agent.destroy(kernel, { force: true, reason }).catch((error: unknown) => {
      log.warn('a kernel that was to be ended for abuse could not be', { kernel, error: toKerneletError(error) });
    });
  }
}

const readFields = object((field) => ({ kernel: field('ID', text), reason: field('reason', newer(text, '')) }));

function readReport(json: string): { readonly kernel: KernelId; readonly reason: string } | null {
  try {
    const { kernel: id, reason } = readFields(JSON.parse(json), 'the report');
    const kernel = id.toLowerCase();
    return isKernelId(kernel) ? { kernel, reason } : null;
  } catch {
    return null;
  }
}
