/** `capacity`, `align_memory` and `density`. */
import { Decimal, parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import { formatSlotAmounts, parseSlotAmounts, reportedCapacity } from '../../../../src/resources/slot-amounts.ts';
import { density } from '../../../../src/resources/strategy.ts';
import { alignMemory as align } from './amounts.ts';
import { caughtFrom, checkOf, differ, eachRow } from './case.ts';

type Texts = Readonly<Record<string, string>>;

/** What is left of each slot, or the error. */
export const capacity = checkOf<{ scanned: Texts; reserved: Texts; expect: Texts }>(({ scanned, reserved, expect }) => {
  const report = (): Texts =>
    formatSlotAmounts(reportedCapacity(parseSlotAmounts(scanned), parseSlotAmounts(reserved)));
  if (expect['error'] === undefined) return differ('it', report(), expect);
  const caught = caughtFrom(report);
  return differ('the error', caught instanceof Error ? caught.message : caught, expect['error']);
});

/** Total, reserved, unit → usable, reserved. */
export const alignMemory = checkOf<{ rows: readonly (readonly [number, number, number, number, number])[] }>(
  ({ rows }) =>
    eachRow(rows, ([total, reserved, unit, usable, kept]) => {
      const aligned = align(new Decimal(total), new Decimal(reserved), new Decimal(unit));
      return differ('it', [aligned.usable.toNumber(), aligned.reserved.toNumber()], [usable, kept]);
    }),
);

/** Amount → devices, exact share, share in multiples of the quantum. */
export const densityTable = checkOf<{
  capacity: string;
  quantum: string;
  rows: readonly (readonly [string, number, string, string])[];
}>(({ capacity: ofDevice, quantum, rows }) =>
  eachRow(rows, ([amount, devices, exact, share]) => {
    const found = density(parseDecimal(amount), parseDecimal(ofDevice), parseDecimal(quantum));
    return differ('it', [found.devices, plainText(found.exact), plainText(found.share)], [devices, exact, share]);
  }),
);
