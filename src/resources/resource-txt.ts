/** `resource.txt`: what a kernel was given, written and read, also from files of another release (spec resources-and-stats 9.1 and 10). Pure. */
import { type Decimal, parseDecimal, plainText } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import type { DeviceAmounts } from './allocation.ts';
import type { KernelAllocation } from './allocator.ts';
import { formatBinarySize, formatExactSize, parseBinarySize } from './binary-size.ts';
import { formatSlotAmounts, parseSlotAmounts, type SlotAmounts } from './slot-amounts.ts';
import { belongsTo, deviceOfSlot, type KnownSlots } from './slot-name.ts';

const shares = '_SHARES';

/** What is needed to count what a kernel has. */
export type ResourceAccount = Pick<ResourceSpec, 'slots' | 'allocations'>;

/**
 * Reads what counts, and the mounts not at all: a path with `,` or `:` among them must not lose a kernel's devices. An amount
 * of bytes on one device is that of `SLOTS`, since the share is rounded. Throws INVALID_ARGUMENT, also for an amount
 * below 0 or without end, and for a file that is cut off within a line.
 */
export function readResourceAccount(text: string, known: KnownSlots): ResourceAccount {
  const { slots, allocations } = account(linesOf(text), known);
  if (!text.endsWith('\n')) throw unreadable('its last line is cut off');
  // A wrong amount would be taken for what a kernel has, and give others what isn't there.
  for (const [slot, amount] of slots) checkAmount(`the slot ${slot}`, amount);
  for (const amounts of [...allocations.values()].flatMap((allocation) => [...allocation.values()])) {
    for (const [id, amount] of amounts) checkAmount(`the device ${id}`, amount);
  }
  const exact = (slot: string, amounts: DeviceAmounts): DeviceAmounts => {
    const [only, ...others] = amounts.keys();
    const amount = slots.get(slot);
    if (known.get(slot) !== 'bytes' || only === undefined || others.length > 0 || !amount) return amounts;
    return new Map([[only, amount]]);
  };
  return {
    slots,
    allocations: new Map(
      [...allocations].map(([device, allocation]) => [
        device,
        new Map([...allocation].map(([slot, amounts]) => [slot, exact(slot, amounts)])),
      ]),
    ),
  };
}

function checkAmount(what: string, amount: Decimal): void {
  if (amount.isFinite() && (amount.isPositive() || amount.isZero())) return;
  throw unreadable(`${what} cannot have ${plainText(amount)}`);
}

function linesOf(text: string): ReadonlyMap<string, string> {
  const lines = new Map<string, string>();
  for (const line of text.split('\n')) {
    const at = line.indexOf('=');
    if (at >= 0) lines.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return lines;
}

function account(lines: ReadonlyMap<string, string>, known: KnownSlots): ResourceAccount {
  const allocations = new Map<string, Map<string, DeviceAmounts>>();
  for (const [key, value] of lines) {
    if (!key.endsWith(shares)) continue;
    const slot = key.slice(0, -shares.length).toLowerCase();
    const device = deviceOfSlot(slot);
    const allocation = allocations.get(device) ?? new Map<string, DeviceAmounts>();
    allocations.set(device, allocation.set(slot, parseShares(key, value, known.get(slot) === 'bytes')));
  }
  return { slots: parseSlots(lineOf(lines, 'SLOTS')), allocations };
}

/** Entries without an id or without an amount are passed over. */
function parseShares(key: string, value: string, isBytes: boolean): DeviceAmounts {
  const amounts = new Map<string, Decimal>();
  for (const entry of value.split(',')) {
    const at = entry.indexOf(':');
    const [id, amount] = [entry.slice(0, at), entry.slice(at + 1)];
    if (at < 1 || amount === '') continue;
    amounts.set(id, isBytes ? parseBinarySize(amount) : parseDecimal(amount, `${key} of resource.txt:`));
  }
  return amounts;
}

function parseSlots(text: string): SlotAmounts {
  let map: unknown;
  try {
    map = JSON.parse(text);
  } catch (error) {
    throw unreadable('SLOTS is not JSON', error);
  }
  if (typeof map !== 'object' || map === null || Array.isArray(map)) throw unreadable('SLOTS is not a JSON object');
  return parseSlotAmounts({ ...map });
}

function lineOf(lines: ReadonlyMap<string, string>, key: string): string {
  const value = lines.get(key);
  if (value === undefined) throw unreadable(`the line ${key}= is missing`);
  return value;
}

const unreadable = (problem: string, cause?: unknown): KerneletError =>
  new KerneletError('INVALID_ARGUMENT', `resource.txt cannot be read: ${problem}`, { cause });

/** How a mount may be used: read, read and write, or also delete. */
export type MountPermission = 'ro' | 'rw' | 'wd';

/** A mount of a kernel. */
export interface ResourceMount {
  readonly type: 'bind' | 'volume';
  /** A host path or a volume's name; empty for none. */
  readonly source: string;
  readonly target: string;
  readonly permission: MountPermission;
}

/** The resources of a kernel. */
export interface ResourceSpec {
  /** Empty before the container exists. */
  readonly containerId: string;
  /** What was asked for: every slot that the node knows. */
  readonly slots: SlotAmounts;
  readonly allocations: KernelAllocation;
  readonly scratchBytes: Decimal;
  readonly mounts: readonly ResourceMount[];
}

/** What writing depends on beside what the kernel has. */
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
