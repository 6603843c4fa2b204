/** Who has how much of which device: the words that the allocation maps and their users share. */
import { type Decimal, isAboveZero, plainText } from '../lib/decimal.ts';
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

/** A device with what is allocated of it. It never changes. */
export class DeviceState implements SlotDevice {
  readonly id: string;
  readonly slot: string;
  readonly type: SlotType;
  readonly amount: Decimal;
  /** Its place among the devices, which breaks all ties. */
  readonly index: number;
  readonly allocated: Decimal;
  /** What is left; below 0 when restored allocations exceed the capacity. */
  readonly free: Decimal;
  #freeText: string | undefined;
  #wholeFree: bigint | undefined;

  constructor(device: SlotDevice, index: number, allocated: Decimal) {
    this.id = device.id;
    this.slot = device.slot;
    this.type = device.type;
    this.amount = device.amount;
    this.index = index;
    this.allocated = allocated;
    this.free = device.amount.minus(allocated);
  }

  /** What is left, written; equal amounts have equal texts. Made once, since large nodes have many devices. */
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
}

/** What one device gives. */
export type Share = readonly [DeviceState, Decimal];

/** The amounts of shares by device id. */
export const amountsOf = (shares: Iterable<Share>): DeviceAmounts =>
  new Map([...shares].map(([{ id }, amount]) => [id, amount]));

/** Device ids with more than 0, in the order of the allocation. */
export const assignedIds = (allocation: Allocation): readonly string[] =>
  [...allocation.values()].flatMap((amounts) => [...amounts].filter(([, amount]) => amount.gt(0)).map(([id]) => id));
