/** How many descriptors statistics may keep open. */
import { readFileSync } from 'node:fs';

/** Half of what this process may have: connections, runners and uploads need the rest. */
const share = 0.5;
const whenUnknown = 256;

/** By the limit of this process. */
export function openFilesShare(limits = readFileSync('/proc/self/limits', 'utf8')): number {
  const soft = /^Max open files +(\d+|unlimited)/m.exec(limits)?.[1];
  if (soft === 'unlimited') return Number.POSITIVE_INFINITY;
  return soft === undefined ? whenUnknown : Math.floor(Number(soft) * share);
}
