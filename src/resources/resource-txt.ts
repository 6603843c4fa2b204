/** Writing `resource.txt` (spec resources-and-stats 10). Pure. */
import { type Decimal, plainText } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { formatBinarySize, formatExactSize } from './binary-size.ts';
import type { ResourceMount, ResourceSpec } from './resource-spec.ts';
import { formatSlotAmounts } from './slot-amounts.ts';
import { belongsTo, type KnownSlots } from './slot-name.ts';

/** How to write it. */
export interface ResourceTxtOptions {
  readonly known: KnownSlots;
  /** Lines of the device plugins, in allocation order. */
  readonly data?: readonly (readonly [string, string])[];
  /** Amounts of bytes exactly, instead of rounded to two digits. */
  readonly exactBytes?: boolean;
}

/**
 * The text, with a line end after each line. Throws INTERNAL for an allocation that would not be read back: a slot that
 * isn't its device's, a device id with `,` or `:`, a line end in a value.
 */
export function writeResourceTxt(spec: ResourceSpec, options: ResourceTxtOptions): string {
  const lines = [
    ['CID', spec.containerId],
    ['SCRATCH_SIZE', formatBinarySize(spec.scratchBytes, 'm')],
    ['MOUNTS', spec.mounts.map(mountText).join(',')],
    ['SLOTS', pythonJson(formatSlotAmounts(spec.slots))],
    ...shareLines(spec, options),
    ...(options.data ?? []),
  ] as const;
  return lines
    .map(([key, value]) => {
      if (/[\r\n]/.test(key + value)) throw unwritable(`${key} has a line end`);
      return `${key}=${value}\n`;
    })
    .join('');
}

function* shareLines(spec: ResourceSpec, options: ResourceTxtOptions): Generator<readonly [string, string]> {
  for (const [device, allocation] of spec.allocations) {
    for (const [slot, amounts] of allocation) {
      if (!belongsTo(slot, device)) throw unwritable(`the slot ${slot} is not one of ${device}`);
      const text = amountText(slot, options);
      const shares = [...amounts].map(([id, amount]) => {
        if (/[,:]/.test(id)) throw unwritable(`the device id ${JSON.stringify(id)} has a comma or colon`);
        return `${id}:${text(amount)}`;
      });
      yield [`${slot.toUpperCase()}_SHARES`, shares.join(',')];
    }
  }
}

function amountText(slot: string, { known, exactBytes }: ResourceTxtOptions): (amount: Decimal) => string {
  if (known.get(slot) !== 'bytes') return plainText;
  return exactBytes ? formatExactSize : (amount) => formatBinarySize(amount, 'auto');
}

const mountText = ({ source, target, permission }: ResourceMount): string =>
  `${source === '' ? 'None' : source}:${target}:${permission}`;

/** JSON with a space after `:` and `,`, as readers of this file have always seen it. */
const pythonJson = (map: Readonly<Record<string, string>>): string =>
  `{${Object.entries(map)
    .map(([key, value]) => `${JSON.stringify(key)}: ${JSON.stringify(value)}`)
    .join(', ')}}`;

const unwritable = (problem: string): KerneletError =>
  new KerneletError('INTERNAL', `resource.txt cannot be written: ${problem}`);
