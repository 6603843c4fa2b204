/** What several kernels hold together, by their `resource.txt` (spec resources-and-stats 10). Pure. */
import { readResourceAccount } from './resource-txt-reader.ts';
import { addSlots, type SlotAmounts } from './slot-amounts.ts';
import type { KnownSlots } from './slot-name.ts';

/** The sums of what was asked for; null stands for a file that isn't there. Throws for one that can't be read. */
export function resourceUsage(texts: Iterable<string | null>, known: KnownSlots = new Map()): SlotAmounts {
  return addSlots([...texts].flatMap((text) => (text === null ? [] : [readResourceAccount(text, known).slots])));
}
