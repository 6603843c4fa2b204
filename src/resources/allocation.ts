/** Who has how much of which device: the words that the allocation maps and their users share. */
import { cut, type Decimal, isAboveZero, plainText, zero } from '../lib/decimal.ts';
import type { SlotType } from './slot-name.ts';

/** Amounts by device id, in the order that the strategy gives. */
export type DeviceAmounts = ReadonlyMap<string, Decimal>;

/** Amounts by slot and device id, in the order of the request. */
export type Allocation = ReadonlyMap<string, DeviceAmounts>;

/** A device as a map knows it: it has one slot. */
export interface SlotDevice {
  readonly id: string;
  readonly slot: string;
  readonly type: SlotType;
  /** How much there is of it. */
  readonly amount: Decimal;
}

/**
 * How much of a device is allocated. It never changes, and devices of which the same is allocated share one: large nodes
 * have many devices and few levels, so that an allocation reckons with the levels alone.
 */
export class DeviceLevel {
  readonly amount: Decimal;
  readonly allocated: Decimal;
  /** What is left; below 0 when restored allocations exceed the capacity. */
  readonly free: Decimal;
  #freeText: string | undefined;
  #wholeFree: bigint | undefined;
  #partFree: Decimal | undefined;
  #key: string | undefined;

  /** `amount`: how much there is of the device. */
  constructor(amount: Decimal, allocated: Decimal) {
    this.amount = amount;
    this.allocated = allocated;
    this.free = amount.minus(allocated);
  }

  /** What is left, written; equal amounts have equal texts. */
  get freeText(): string {
    this.#freeText ??= plainText(this.free);
    return this.#freeText;
  }

  /** Whole units that are left, 0 when less than none is. */
  get wholeFree(): bigint {
    this.#wholeFree ??=
      isAboveZero(this.free) && this.free.isFinite() ? BigInt(this.freeText.split('.', 1)[0] ?? 0) : 0n;
    return this.#wholeFree;
  }

  /** What is left beyond whole units, 0 when nothing is left. */
  get partFree(): Decimal {
    this.#partFree ??= this.free.isInteger() || !isAboveZero(this.free) ? zero : partOf(this.free);
    return this.#partFree;
  }

  /** The same for levels of the same amounts. */
  get key(): string {
    this.#key ??= `${plainText(this.allocated)} of ${plainText(this.amount)}`;
    return this.#key;
  }
}

/** What an amount has beyond whole units; 0 of an infinite one. */
const partOf = (amount: Decimal): Decimal => (amount.isFinite() ? amount.minus(cut(amount)) : zero);

/** A device with what is allocated of it. It never changes. */
export class DeviceState {
  readonly device: SlotDevice;
  readonly level: DeviceLevel;

  constructor(device: SlotDevice, level: DeviceLevel) {
    this.device = device;
    this.level = level;
  }

  get id(): string {
    return this.device.id;
  }

  get allocated(): Decimal {
    return this.level.allocated;
  }

  get free(): Decimal {
    return this.level.free;
  }
}

/** A device, and the amount of its slot that it gives to one request. */
export type Share = readonly [DeviceState, Decimal];

/** The amounts of shares by device id. */
export function amountsOf(shares: Iterable<Share>): DeviceAmounts {
  const amounts = new Map<string, Decimal>();
  for (const [{ id }, amount] of shares) amounts.set(id, amount);
  return amounts;
}

/** Device ids with more than 0, in the order of the allocation. */
export function assignedIds(allocation: Allocation): readonly string[] {
  const ids: string[] = [];
  for (const amounts of allocation.values()) for (const [id, amount] of amounts) if (isAboveZero(amount)) ids.push(id);
  return ids;
}
