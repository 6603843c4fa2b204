/**
 * What is allocated of the devices of one plugin, and how more is (spec resources-and-stats 7). An allocation is atomic:
 * it changes everything or nothing. Pure; one costs as much time as there are devices, which are sorted.
 */
import { Decimal, floorTo, isAboveZero, sum, zero } from '../lib/decimal.ts';
import { type AffinityHint, candidateOrder, type DeviceReference } from './affinity.ts';
import {
  type Allocation,
  amountsOf,
  type DeviceAmounts,
  DeviceLevel,
  DeviceState,
  type Share,
  type SlotDevice,
} from './allocation.ts';
import { ResourceError, type SlotAsk } from './resource-error.ts';
import { areExclusive, deviceOfSlot, type SlotType } from './slot-name.ts';
import {
  defaultLeastUseful,
  discreteEvenly,
  discreteFill,
  fitsUnfragmented,
  fractionEvenly,
  fractionFill,
  type Strategy,
} from './strategy.ts';

/** How to make a map. */
export interface AllocationMapOptions {
  readonly kind: 'discrete' | 'fraction';
  readonly strategy: 'fill' | 'evenly';
  readonly devices: readonly SlotDevice[];
  /** Fractions are multiples of this; 0.01 when absent. */
  readonly quantum?: Decimal;
  /** Slots, and patterns of slots, of which a kernel may have one only. */
  readonly exclusive?: readonly string[];
}

/** Amounts by slot, with where they should come from. */
export interface AllocationRequest {
  readonly slots: Iterable<readonly [string, Decimal]>;
  readonly hint?: AffinityHint | undefined;
  /** For whom it is asked; errors name it. */
  readonly tag?: string | undefined;
  /** Devices with less left are passed over (fractions, evenly); 0.01 when absent. */
  readonly leastUseful?: Decimal;
  /** Whether a fraction may come from unevenly used devices; yes when absent (26.8). */
  readonly mayFragment?: boolean;
}

const strategies: Readonly<
  Record<AllocationMapOptions['kind'], Readonly<Record<AllocationMapOptions['strategy'], Strategy>>>
> = {
  discrete: { fill: discreteFill, evenly: discreteEvenly },
  fraction: { fill: fractionFill, evenly: fractionEvenly },
};
const defaultQuantum = new Decimal('0.01');

/** What a snapshot holds; opaque. */
export type MapSnapshot = ReadonlyMap<string, readonly DeviceState[]>;

/** The map of one plugin. */
export class AllocationMap {
  readonly options: AllocationMapOptions;
  readonly #types = new Map<string, SlotType>();
  /** Slot → its devices in device order. Arrays are replaced, never changed, so that a snapshot costs nothing. */
  #states: Map<string, readonly DeviceState[]>;

  constructor(options: AllocationMapOptions) {
    this.options = options;
    const states = new Map<string, DeviceState[]>();
    for (const device of options.devices) {
      this.#types.set(device.slot, device.type);
      const ofSlot = states.get(device.slot) ?? [];
      ofSlot.push(new DeviceState(device, new DeviceLevel(device.amount, zero)));
      states.set(device.slot, ofSlot);
    }
    this.#states = states;
  }

  /** What is allocated of every device, in device order. */
  allocated(): Allocation {
    return new Map(
      [...this.#states].map(([slot, states]) => [slot, new Map(states.map(({ id, allocated }) => [id, allocated]))]),
    );
  }

  /** The devices of a slot in the order in which they would be tried. */
  order(slot: string, hint?: AffinityHint): readonly DeviceState[] {
    return candidateOrder(slot, this.#states.get(slot) ?? [], hint);
  }

  /**
   * Takes what is asked for, all of it or nothing; amounts of 0 and below are left out. The result may hold less than
   * asked for where the quantum cuts it. Throws ResourceError.
   */
  allocate(request: AllocationRequest): Allocation {
    const asks = [...request.slots]
      .filter(([, amount]) => isAboveZero(amount))
      .map(([slot, amount]): SlotAsk => ({ slot, amount, tag: request.tag, type: this.#types.get(slot) }));
    this.#checkCombination(asks);
    const before = this.snapshot();
    const result = new Map<string, DeviceAmounts>();
    let hint = request.hint;
    try {
      for (const ask of asks) {
        const shares = this.#take(ask, request, hint);
        const amounts = amountsOf(shares);
        result.set(ask.slot, amounts);
        this.#change(ask.slot, amounts, (allocated, amount) => allocated.plus(amount));
        if (hint?.rule === '26.8') hint = { ...hint, devices: devicesOf(ask.slot, shares) };
      }
    } catch (error) {
      this.restore(before);
      throw error;
    }
    return result;
  }

  /** Gives an allocation back. Nothing is checked; devices that this map hasn't are passed over. */
  free(allocation: Allocation): void {
    for (const [slot, amounts] of allocation)
      this.#change(slot, amounts, (allocated, amount) => allocated.minus(amount));
  }

  /**
   * Enters an allocation of an earlier process, even beyond the capacity. Returns the devices that this map hasn't, as
   * `slot device`: they are gone or hidden, and must not keep others from being used.
   */
  apply(allocation: Allocation): readonly string[] {
    const strangers: string[] = [];
    for (const [slot, amounts] of allocation) {
      const known = new Set(this.#states.get(slot)?.map(({ id }) => id));
      strangers.push(...[...amounts.keys()].filter((id) => !known.has(id)).map((id) => `${slot} ${id}`));
      this.#change(slot, amounts, (allocated, amount) => allocated.plus(amount));
    }
    return strangers;
  }

  /** Forgets every allocation, so that the sums can be built again from what kernels hold. */
  clear(): void {
    for (const [slot, states] of this.#states) {
      this.#states.set(
        slot,
        states.map(({ device }) => new DeviceState(device, new DeviceLevel(device.amount, zero))),
      );
    }
  }

  /** What is allocated now, to go back to. */
  snapshot(): MapSnapshot {
    return new Map(this.#states);
  }

  /** Goes back to a snapshot of this map. */
  restore(snapshot: MapSnapshot): void {
    this.#states = new Map(snapshot);
  }

  #checkCombination(asks: readonly SlotAsk[]): void {
    const exclusive = this.options.exclusive ?? [];
    for (const { slot: left } of asks) {
      for (const { slot: right } of asks) {
        if (!areExclusive(exclusive, left, right)) continue;
        throw new ResourceError({ kind: 'exclusive-slots', slots: [left, right] });
      }
    }
    // Evenly spread fractions of one-of-a-kind devices are let through, as upstream does; requests are checked before.
    if (this.options.kind === 'fraction' && this.options.strategy === 'evenly') return;
    for (const { slot, amount } of asks) {
      if (this.#types.get(slot) !== 'unique' || amount.eq(1)) continue;
      throw new ResourceError({ kind: 'only-one', slot });
    }
  }

  #take(ask: SlotAsk, request: AllocationRequest, hint: AffinityHint | undefined): readonly Share[] {
    const { kind, strategy, quantum = defaultQuantum } = this.options;
    const devices = this.#states.get(ask.slot) ?? [];
    const candidates = candidateOrder(ask.slot, devices, hint);
    if (kind === 'fraction' && request.mayFragment === false && !fitsUnfragmented(ask.amount, candidates, quantum)) {
      throw new ResourceError({
        kind: 'fragmented',
        ask,
        candidates: candidates.map(({ id, allocated }) => [id, allocated]),
      });
    }
    const leastUseful = request.leastUseful ?? defaultLeastUseful;
    const shares = strategies[kind][strategy]({ ask, candidates, devices, leastUseful });
    if (kind === 'discrete') return shares;
    const floored = shares.map(([device, share]): Share => [device, floorTo(share, quantum)]);
    if (sum(floored.map(([, share]) => share)).isZero()) {
      throw new ResourceError({ kind: 'below-quantum', ask });
    }
    return floored;
  }

  #change(slot: string, amounts: DeviceAmounts, combine: (allocated: Decimal, amount: Decimal) => Decimal): void {
    const states = this.#states.get(slot);
    if (!states || amounts.size === 0) return;
    // Amount → level → the level after it: few, however many the devices.
    const known = new Map<Decimal, Map<string, DeviceLevel>>();
    const after = (level: DeviceLevel, amount: Decimal): DeviceLevel => {
      const levels = known.get(amount) ?? new Map<string, DeviceLevel>();
      const next = levels.get(level.key) ?? new DeviceLevel(level.amount, combine(level.allocated, amount));
      known.set(amount, levels.set(level.key, next));
      return next;
    };
    this.#states.set(
      slot,
      states.map((state) => {
        const amount = amounts.get(state.id);
        return amount === undefined ? state : new DeviceState(state.device, after(state.level, amount));
      }),
    );
  }
}

/** The devices that gave something. */
const devicesOf = (slot: string, shares: readonly Share[]): readonly DeviceReference[] =>
  shares.filter(([, share]) => isAboveZero(share)).map(([{ id }]) => ({ device: deviceOfSlot(slot), id }));
