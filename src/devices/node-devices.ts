/**
 * All devices of this node, and who has them: the plugins, the ledger over their maps, and what is reported
 * (spec resources-and-stats 4, 9 and 11). The ledger is the only account of devices that there is.
 */
import { type Decimal, isAboveZero, plainText, sum, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import type { Logger } from '../lib/log.ts';
import { AffinityMap, type AffinityPolicy, type AffinityRule } from '../resources/affinity.ts';
import { Allocator, completeOrder, type KernelAllocation } from '../resources/allocator.ts';
import { DeviceLedger } from '../resources/device-ledger.ts';
import { allocationOf, type DeviceShare, sharesOf } from '../resources/device-share.ts';
import { ResourceError } from '../resources/resource-error.ts';
import { formatSlotAmounts, normaliseToKnown, reportedCapacity, type SlotAmounts } from '../resources/slot-amounts.ts';
import { deviceOfSlot, type KnownSlots } from '../resources/slot-name.ts';
import type { HardwareInfo } from './device-plugin.ts';
import { type DeviceAnswers, type DeviceProvision, provisionOf } from './device-provision.ts';
import { LostDevices, type LostDevicesChange } from './lost-devices.ts';
import { checkPlugin, type ImageFacts, type NodePlugin } from './node-plugin.ts';
import type { PluginSearch } from './plugin-source.ts';

/** What the node's devices are made from. */
export interface NodeDevicesOptions {
  /** In the order of the reports: accelerators, then cpu, then mem. */
  readonly plugins: readonly NodePlugin[];
  /** Where the plugins come from; absent where they are always the same. Disposed with the devices. */
  readonly search?: PluginSearch;
  readonly order: readonly string[];
  readonly policy: AffinityPolicy;
  readonly rule: AffinityRule;
  /** What is kept back of each slot: it lowers what is reported, not what can be taken. */
  readonly reserved: SlotAmounts;
  /** Logs every allocation with the devices that it was made from. */
  readonly logAllocations: boolean;
  readonly log: Logger;
}

/** What a kernel was given. */
export interface DevicePlacement {
  /** Core numbers, ascending, in list form; null where kernels are not pinned. */
  readonly cpuset: string | null;
  readonly devices: readonly DeviceShare[];
  readonly provision: DeviceProvision;
}

/** How much of a slot there is, for callers. */
export interface SlotUse {
  readonly total: number;
  readonly used: number;
}

/** The devices of a node. */
export class NodeDevices implements AsyncDisposable {
  readonly ledger: DeviceLedger;
  readonly #options: NodeDevicesOptions;
  readonly #lost = new LostDevices();
  #plugins: readonly NodePlugin[];
  #known: KnownSlots;
  #order: readonly string[] = [];

  /** Throws INVALID_CONFIG for plugins that contradict each other. */
  constructor(options: NodeDevicesOptions) {
    const { plugins } = options;
    for (const [index, plugin] of plugins.entries()) checkPlugin(plugin, plugins.slice(0, index));
    this.#options = options;
    this.#plugins = plugins;
    this.#known = new Map(plugins.flatMap(({ slotTypes }) => slotTypes));
    this.ledger = new DeviceLedger(this.#allocatorOf(plugins));
  }

  /** The plugins that there are now. */
  get plugins(): readonly NodePlugin[] {
    return this.#plugins;
  }

  /** Every slot that was ever there: one that is gone has nothing to give. */
  get known(): KnownSlots {
    return this.#known;
  }

  /**
   * Looks again for what there is. Kernels keep what they have, whatever has become of it; what of that is gone now, or
   * is back, is answered. Rejects with the signal's reason alone.
   */
  async rescan(signal: AbortSignal): Promise<LostDevicesChange> {
    const found = (await this.#options.search?.discover(signal)) ?? this.#plugins;
    const isSame = found.length === this.#plugins.length && found.every((plugin, at) => plugin === this.#plugins[at]);
    if (!isSame && this.#isEnough(found)) {
      this.#logChange(devicesOf(found), devicesOf(this.#plugins));
      this.#plugins = found;
      this.#known = new Map([...this.#known, ...found.flatMap(({ slotTypes }) => slotTypes)]);
      for (const [kernel, lost] of this.ledger.refit(this.#allocatorOf(found))) this.#lost.set(kernel, lost);
    }
    return this.#lost.takeChange();
  }

  /** What a kernel holds that the node hasn't any more, as `slot device`. */
  lostOf(kernel: KernelId): readonly string[] {
    return this.#lost.of(kernel);
  }

  /** What is reported to be there. Throws INVALID_CONFIG when nothing of cpu or mem is left beside the reserve. */
  available(): SlotAmounts {
    return normaliseToKnown(this.#capacityOf(this.plugins), this.known);
  }

  /** Amounts by slot that no kernel is given: the system's own share. */
  get reserved(): SlotAmounts {
    return this.#options.reserved;
  }

  /** Of a slot, everything and what kernels have; as numbers, which is exact for CPUs and memory. */
  use(slot: string): SlotUse {
    const total = this.plugins.flatMap((plugin) =>
      plugin.createMap().options.devices.flatMap((device) => (device.slot === slot ? device.amount : [])),
    );
    return { total: sum(total).toNumber(), used: sum(this.#allocated(slot)).toNumber() };
  }

  /** What is taken of each known slot. */
  used(): SlotAmounts {
    return new Map([...this.known.keys()].map((slot) => [slot, sum(this.#allocated(slot))]));
  }

  /**
   * Takes what a kernel asks for, all of it or nothing, and asks the plugins what comes with it. Throws ResourceError,
   * or what a plugin says; then nothing is taken.
   */
  async lease(kernel: KernelId, ask: SlotAmounts, signal: AbortSignal, image?: ImageFacts): Promise<DevicePlacement> {
    const allocation = this.#allocate(kernel, ask);
    try {
      const answers = await this.#ask(allocation, signal, image);
      const wanted = normaliseToKnown(ask, this.known);
      const slots = [...this.known].map(([slot, type]) => [slot, type, plainText(wanted.get(slot) ?? zero)] as const);
      const lost = this.lostOf(kernel);
      if (lost.length > 0) {
        throw new KerneletError('INSUFFICIENT_RESOURCES', `the node has lost ${lost.join(', ')} just now`);
      }
      const cores = [...answers.values()].flatMap(({ arguments: { cores: of = [] } }) => of);
      return {
        cpuset: cores.length > 0 ? cores.join(',') : null,
        devices: sharesOf(allocation),
        provision: provisionOf(answers, slots),
      };
    } catch (error) {
      // A caller that has given up may have given them back already.
      if (this.ledger.held.get(kernel) === allocation) this.release(kernel);
      throw error;
    }
  }

  /** Enters what a kernel of an earlier process has, even beyond the capacity: it runs already. */
  adopt(kernel: KernelId, devices: readonly DeviceShare[]): void {
    this.#lost.set(kernel, this.ledger.restore(kernel, allocationOf(devices)));
  }

  /** Every device but cores and memory, as a whole: more than that nobody can have. */
  accelerators(): readonly DeviceShare[] {
    return this.plugins
      .flatMap((plugin) => plugin.createMap().options.devices)
      .filter(({ slot }) => slot.includes('.'))
      .map(({ slot, id, amount }) => [slot, id, plainText(amount)]);
  }

  /** What a kernel has; null without an entry. */
  heldBy(kernel: KernelId): readonly DeviceShare[] | null {
    const allocation = this.ledger.held.get(kernel);
    return allocation ? sharesOf(allocation) : null;
  }

  /** The kernels with an entry. */
  holders(): readonly KernelId[] {
    return [...this.ledger.held.keys()];
  }

  /** Puts what a kernel really has in the place of what was entered. */
  correct(kernel: KernelId, devices: readonly DeviceShare[]): void {
    this.#lost.set(kernel, this.ledger.correct(kernel, allocationOf(devices)));
  }

  /** Gives back what a kernel has; an absent lease is counted and changes nothing. */
  release(kernel: KernelId): void {
    this.#lost.forget(kernel);
    this.ledger.release(kernel);
  }

  /** Makes the maps the sum of the ledger anew; answers the places that had another amount. */
  rebuild(): readonly string[] {
    return this.ledger.rebuild();
  }

  /** The hardware, of the plugins that know about it; one that fails is `unavailable` with its words. */
  async hardware(signal: AbortSignal): Promise<ReadonlyMap<string, HardwareInfo>> {
    const all = await Promise.all(
      this.plugins.map(async (plugin) => {
        const info = await plugin.hardware(signal).catch((error: unknown): HardwareInfo => {
          const text = error instanceof Error ? error.message : String(error);
          return { status: 'unavailable', status_info: text, metadata: {} };
        });
        return info === null ? [] : [[plugin.key, info] as const];
      }),
    );
    return new Map(all.flat());
  }

  /** Ends the processes in which plugins run, and with them the search for devices. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#options.search?.[Symbol.asyncDispose]();
  }

  *#allocated(slot: string): Generator<Decimal> {
    for (const ofType of this.ledger.allocated().values()) yield* ofType.get(slot)?.values() ?? [];
  }

  #allocate(kernel: KernelId, ask: SlotAmounts): KernelAllocation {
    const { log, logAllocations } = this.#options;
    const facts = { kernel, ask: formatSlotAmounts(ask) };
    try {
      const allocation = this.ledger.allocate(kernel, ask);
      this.#checkGrant(kernel, ask, allocation);
      if (logAllocations) log.info('allocated', { ...facts, devices: sharesOf(allocation) });
      return allocation;
    } catch (error) {
      log.warn('not allocated', { ...facts, error, allocated: sharesOf(this.ledger.allocated()) });
      throw error;
    }
  }

  /** Less may be granted than is asked for, but not nothing: a half of what can be had whole only. */
  #checkGrant(kernel: KernelId, ask: SlotAmounts, allocation: KernelAllocation): void {
    for (const [slot, amount] of ask) {
      const granted = allocation.get(deviceOfSlot(slot))?.get(slot)?.values() ?? [];
      if (!isAboveZero(amount) || [...granted].some(isAboveZero)) continue;
      this.ledger.release(kernel);
      const problem = `The slot ${slot} can be had in whole units only, not ${plainText(amount)}`;
      throw new ResourceError({ kind: 'invalid-amount', slot, problem });
    }
  }

  async #ask(
    allocation: KernelAllocation,
    signal: AbortSignal,
    image: ImageFacts | undefined,
  ): Promise<ReadonlyMap<string, DeviceAnswers>> {
    const answers = await Promise.all(
      this.#order.map(async (key) => {
        const plugin = this.plugins.find((one) => one.key === key);
        return plugin ? [[key, await plugin.answer(allocation.get(key) ?? new Map(), signal, image)] as const] : [];
      }),
    );
    return new Map(answers.flat());
  }

  #capacityOf(plugins: readonly NodePlugin[]): SlotAmounts {
    const found = new Map(plugins.flatMap((plugin) => [...plugin.availableSlots()]));
    return reportedCapacity(found, this.#options.reserved);
  }

  /** A node that runs goes on with what it had, rather than fall silent. */
  #isEnough(plugins: readonly NodePlugin[]): boolean {
    try {
      this.#capacityOf(plugins);
      return true;
    } catch (error) {
      this.#options.log.error('the devices that are there now are not enough for a node; it goes on as before', {
        error,
      });
      return false;
    }
  }

  #logChange(now: readonly string[], before: readonly string[]): void {
    const [known, found] = [new Set(before), new Set(now)];
    this.#options.log.info('other devices than before', {
      devices: now.length,
      new: now.filter((device) => !known.has(device)).slice(0, maxLogged),
      gone: before.filter((device) => !found.has(device)).slice(0, maxLogged),
    });
  }

  #allocatorOf(plugins: readonly NodePlugin[]): Allocator {
    const { order, log } = this.#options;
    const keys = plugins.map(({ key }) => key);
    this.#order = completeOrder(order, keys).filter((key) => keys.includes(key));
    const unlisted = keys.filter((key) => !order.includes(key));
    if (unlisted.length > 0) {
      log.warn('allocation-order lacks device types; they come before cpu', { types: unlisted, order: this.#order });
    }
    const placed = plugins.flatMap(({ key, devices }) =>
      devices.map(({ id, numaNode }) => ({ device: key, id, numa: numaNode })),
    );
    return new Allocator({
      ...this.#options,
      maps: new Map(plugins.map((plugin) => [plugin.key, plugin.createMap()])),
      affinity: new AffinityMap(placed),
    });
  }
}

const maxLogged = 20;
const devicesOf = (plugins: readonly NodePlugin[]): readonly string[] =>
  plugins.flatMap(({ key, devices }) => devices.map(({ id }) => `${key} ${id}`));
