/**
 * Where plugins come from, and their discovery again and again: devices come and go while the daemon runs
 * (spec resources-and-stats 4). One plugin that can't be had is logged once and costs nobody else anything.
 */
import { toKerneletError } from '../lib/errors.ts';
import type { Logger } from '../lib/log.ts';
import { AllocationMap } from '../resources/allocation-map.ts';
import { checkPlugin, type NodePlugin } from './node-plugin.ts';

/** One place where a plugin may be found. */
export interface PluginSource extends Partial<AsyncDisposable> {
  readonly name: string;
  /**
   * What is there now: the same object as before while nothing has changed, null when the plugin is off. Throws, in one
   * sentence, when it should be there and can't be had.
   */
  discover(signal: AbortSignal): Promise<NodePlugin | null>;
}

/** The sources of a node. */
export interface PluginSources {
  /** In the order of the reports: of two with one key, the first is taken. */
  readonly accelerators: readonly PluginSource[];
  /** cpu and mem, reported last, without which there is no node. */
  readonly basic: readonly PluginSource[];
}

interface Entry {
  readonly source: PluginSource;
  readonly isBasic: boolean;
  plugin: NodePlugin | null;
  failures: number;
  /** How many rounds it is left out of: discovering what is off may start a process. */
  rest: number;
  /** The last log line about it. */
  logged: string | null;
}

/** A driver that is busy for a moment is no reason to take its devices away. */
const maxFailures = 3;
const maxRest = 20;

/** All sources of a node. */
export class PluginSearch implements AsyncDisposable {
  readonly #entries: readonly Entry[];
  readonly #log: Logger;

  constructor({ accelerators, basic }: PluginSources, log: Logger) {
    const entry = (isBasic: boolean) => (source: PluginSource) => ({
      source,
      isBasic,
      plugin: null,
      failures: 0,
      rest: 0,
      logged: null,
    });
    this.#entries = [...accelerators.map(entry(false)), ...basic.map(entry(true))];
    this.#log = log;
  }

  /** The plugins that there are now. Rejects with the signal's reason alone. */
  async discover(signal: AbortSignal): Promise<readonly NodePlugin[]> {
    const awake = this.#entries.filter((entry) => entry.rest-- <= 0);
    const outcomes = await Promise.all(
      awake.map(async (entry) => {
        const [found] = await Promise.allSettled([entry.source.discover(signal)]);
        return [entry, found] as const;
      }),
    );
    signal.throwIfAborted();
    // No accelerator may take the name of cpu or mem.
    for (const [entry, found] of outcomes.toSorted(([left], [right]) => Number(right.isBasic) - Number(left.isBasic))) {
      try {
        if (found.status === 'rejected') throw found.reason;
        this.#take(entry, found.value);
      } catch (error) {
        this.#miss(entry, error);
      }
    }
    return this.#entries.flatMap(({ plugin }) => plugin ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#entries.map(async ({ source }) => await source[Symbol.asyncDispose]?.()));
  }

  #take(entry: Entry, found: NodePlugin | null): void {
    if (found !== null && found !== entry.plugin) {
      checkPlugin(
        found,
        this.#entries.flatMap((other) => (other === entry || !other.plugin ? [] : other.plugin)),
      );
    }
    if (entry.failures > 0) this.#log.info(`the device plugin ${entry.source.name} has recovered`);
    entry.failures = 0;
    entry.rest = 0;
    entry.logged = null;
    // Kernels may still hold what was there: the slots stay, with nothing in them.
    entry.plugin = found ?? (entry.plugin && withoutDevices(entry.plugin));
  }

  #miss(entry: Entry, error: unknown): void {
    const { name } = entry.source;
    const { message } = toKerneletError(error);
    entry.failures += 1;
    const text = entry.plugin
      ? `the device plugin ${name} does not answer: ${message}`
      : `the device plugin ${name} is off: ${message}`;
    if (text !== entry.logged) this.#log.error(text, { plugin: name, error });
    entry.logged = text;
    entry.rest = entry.plugin ? 0 : Math.min(entry.failures, maxRest);
    if (entry.failures >= maxFailures && entry.plugin && !entry.isBasic) entry.plugin = withoutDevices(entry.plugin);
  }
}

/** The plugin with nothing to give, and itself when it has nothing already. */
function withoutDevices(whole: NodePlugin): NodePlugin {
  // The same as before, or it would be a change in every round.
  if (whole.measure === undefined && whole.devices.length === 0) return whole;
  const { measure, ...plugin } = whole;
  const slots = plugin.availableSlots();
  const { options } = plugin.createMap();
  return {
    ...plugin,
    devices: [],
    hardware: async () => ({ status: 'offline', status_info: 'its devices are gone', metadata: {} }),
    availableSlots: () => new Map([...slots].map(([slot, amount]) => [slot, amount.minus(amount)])),
    createMap: () => new AllocationMap({ ...options, devices: [] }),
  };
}
