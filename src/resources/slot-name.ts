/** Names and types of resource slots (spec resources-and-stats 1.1 to 1.3). */
import { KerneletError } from '../lib/errors.ts';

/** What amounts of a slot count: devices or parts of them, bytes, or one device of its own kind. */
export const slotTypes = ['count', 'bytes', 'unique'] as const;
export type SlotType = (typeof slotTypes)[number];

/** The slots that this node knows, in the order in which they were found; others count as `count`. */
export type KnownSlots = ReadonlyMap<string, SlotType>;

/** The device name of a slot: what stands before the first dot (`cuda` of `cuda.shares`), or all of it. */
export const deviceOfSlot = (slot: string): string => slot.split('.', 1)[0] ?? slot;

/** Whether a slot is a device's: its name, or its name and a sub type. */
export const belongsTo = (slot: string, device: string): boolean => slot === device || slot.startsWith(`${device}.`);

/**
 * Checks that the slots of an accelerator are named after it: `KEY.…`. Throws INVALID_CONFIG with the words that
 * operators know from the specification (4).
 */
export function checkAcceleratorSlots(key: string, slots: Iterable<string>): void {
  for (const slot of slots) {
    if (slot.startsWith(`${key}.`)) continue;
    throw new KerneletError(
      'INVALID_CONFIG',
      `Slot types defined by an accelerator plugin must be prefixed by the plugin's key. (the plugin ${key} has the slot ${slot})`,
    );
  }
}

/** Whether two slots cannot be had at once: they differ, and each is named by the set or matches a pattern of it. */
export function areExclusive(set: readonly string[], left: string, right: string): boolean {
  return left !== right && isInSet(set, left) && isInSet(set, right);
}

const isInSet = (set: readonly string[], slot: string): boolean =>
  set.some((entry) => entry === slot || (entry.includes('*') && shellPattern(entry).test(slot)));

const patterns = new Map<string, RegExp>();

/** A case-sensitive shell pattern (`*`, `?`, `[…]`, `[!…]`) as an expression. */
function shellPattern(pattern: string): RegExp {
  const known = patterns.get(pattern);
  if (known) return known;
  const source = pattern.replace(/\*+|\?|\[(!?)(\]?[^\]]*)\]|[\s\S]/g, (piece, not: string, set?: string) => {
    if (piece.startsWith('*')) return '.*';
    if (piece === '?') return '.';
    if (set !== undefined) return `[${not ? '^' : ''}${set.replace(/[\\\]^]/g, '\\$&')}]`;
    return piece.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&');
  });
  const made = new RegExp(`^${source}$`, 's');
  patterns.set(pattern, made);
  return made;
}
