/** Who has how much of which device: the words that the allocation maps and their users share. */
import type { Decimal } from '../lib/decimal.ts';
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

/** A device with what is allocated of it. */
export interface DeviceState extends SlotDevice {
  /** Its place among the devices, which breaks all ties. */
  readonly index: number;
  readonly allocated: Decimal;
  /** What is left; below 0 when restored allocations exceed the capacity. */
  readonly free: Decimal;
}

/** What one device gives. */
export type Share = readonly [DeviceState, Decimal];

/** The amounts of shares by device id. */
export const amountsOf = (shares: Iterable<Share>): DeviceAmounts =>
  new Map([...shares].map(([{ id }, amount]) => [id, amount]));
