/**
 * The server of a model (spec kernel-runner 13): started in the model's folder, started again with growing pauses when it
 * ends, and asked by its health check, if it has one. A model is unhealthy once more checks in a row have failed than
 * its definition bears, and healthy with the next that succeeds.
 */

import { request } from 'node:http';
import { sleep } from '../../lib/clock.ts';
import { list } from '../../lib/json-reader.ts';
import type { KernelModel, ModelHealth } from '../../protocol/kernel-models.ts';
import { volumePaths } from '../volume-paths.ts';
import { type ActionParts, runActions } from './actions.ts';
import { parseAction } from './definition.ts';
import { ServiceProcess } from './service-process.ts';
import { expandTemplates, type TemplateValue } from './template.ts';

const firstPauseMs = 1000;
const maxPauseMs = 60_000;
const goodLifeMs = 60_000;
/** A definition may say that no time shall pass between two checks. */
const minPeriodMs = 1000;

/** What a model's server needs of the runner. */
export interface ModelServerParts extends ActionParts {
  readonly runtimePath: string;
  readonly onHealth: () => void;
  problem(text: string): void;
}

/** Keeps the server of one model running, and its health up to date. */
export class ModelServer {
  readonly #model: KernelModel;
  readonly #parts: ModelServerParts;
  #healthy: boolean | null = null;
  #failures = 0;

  constructor(model: KernelModel, parts: ModelServerParts) {
    this.#model = model;
    this.#parts = parts;
  }

  /** The result of its health check, or whether its process runs where it has none. */
  get health(): ModelHealth {
    return { name: this.#model.name, healthy: this.#healthy };
  }

  /** Serves as long as the runner lives. Never rejects. */
  async serve(): Promise<void> {
    const { clock, tenant } = this.#parts;
    const { name, healthCheck } = this.#model;
    if (healthCheck) void this.#check();
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, maxPauseMs)) {
      const begun = clock.monotonic();
      try {
        const process = await this.#start();
        if (!healthCheck) this.#becomes(true);
        const { exitCode, notStarted } = await process.exited;
        const reason =
          notStarted ?? [`status ${exitCode}`, process.lastErrorLines].filter((part) => part !== '').join(': ');
        tenant.log.line('WARN', `the server of model ${name} ended: ${reason}`);
        if (!healthCheck || notStarted !== null) this.#becomes(false);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        this.#parts.problem(`the server of model ${name} cannot be started: ${reason}`);
        this.#becomes(false);
        // Nothing of what is wrong here mends itself.
        return;
      }
      if (clock.monotonic() - begun > goodLifeMs) pauseMs = firstPauseMs;
      await sleep(clock, pauseMs);
    }
  }

  async #start(): Promise<ServiceProcess> {
    const { tenant, clock, runtimePath } = this.#parts;
    const { command, path, port, preStart } = this.#model;
    const initial = new Map<string, TemplateValue>([
      ['runtime_path', runtimePath],
      ['ports', [port]],
    ]);
    const variables = await runActions(
      actions(JSON.parse(preStart), 'the list of actions before the start'),
      initial,
      this.#parts,
    );
    const argv = expandTemplates(command, variables);
    const inFolder = [volumePaths.shell, '-c', 'cd -- "$1" && shift && exec "$@"', 'kernelet', path, ...argv];
    return await ServiceProcess.start({ argv: inFolder }, tenant, clock);
  }

  /** Never ends and never rejects. */
  async #check(): Promise<void> {
    const { healthCheck, port } = this.#model;
    if (!healthCheck) return;
    const { path, expectedStatus, maxRetries, maxWaitMs } = healthCheck;
    const periodMs = Math.max(maxWaitMs, minPeriodMs);
    for (;;) {
      if (await answersWith(port, path, expectedStatus, periodMs)) {
        this.#failures = 0;
        this.#becomes(true);
      } else {
        if (this.#failures > maxRetries) this.#becomes(false);
        this.#failures += 1;
      }
      await sleep(this.#parts.clock, periodMs);
    }
  }

  #becomes(healthy: boolean): void {
    if (this.#healthy === healthy) return;
    this.#healthy = healthy;
    this.#parts.onHealth();
  }
}

const actions = list(parseAction);

/** The servers of a kernel's models, begun. */
export function serveModels(models: readonly KernelModel[], parts: ModelServerParts): readonly ModelServer[] {
  const servers = models.map((model) => new ModelServer(model, parts));
  for (const server of servers) void server.serve();
  return servers;
}

const maxRedirections = 3;

/** Whether it answers with this status in time. A redirection is followed as long as it leads to the server itself. */
export async function answersWith(
  port: number,
  path: string,
  expectedStatus: number,
  timeoutMs: number,
): Promise<boolean> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    let place = askedFor(new URL(`http://127.0.0.1/${path.replace(/^\//, '')}`));
    for (let times = 0; times <= maxRedirections; times++) {
      const { status, location } = await ask(port, place, signal);
      if (status === expectedStatus) return true;
      if (status < 300 || status > 399 || location === undefined) return false;
      const next = new URL(location, `http://127.0.0.1:${port}${place}`);
      if (Number(next.port || 80) !== port) return false;
      place = askedFor(next);
    }
    return false;
  } catch {
    return false;
  }
}

const askedFor = ({ pathname, search }: URL): string => `${pathname}${search}`;

/** Whatever a path looks like, nobody else is asked. */
function ask(
  port: number,
  path: string,
  signal: AbortSignal,
): Promise<{ status: number; location: string | undefined }> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, agent: false, signal }, (response) => {
      // What it says is of no interest, and may have no end.
      response.destroy();
      resolve({ status: response.statusCode ?? 0, location: response.headers.location });
    });
    asking.once('error', reject);
    asking.end();
  });
}
