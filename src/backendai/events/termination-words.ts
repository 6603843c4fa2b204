/**
 * How managers are told why a kernel ended: for each of this program's reasons the nearest word that every generation of
 * managers takes. Those up to 26.8 take any text; from 26.9 on it must be a member of their enumeration, and an event with
 * another word is dropped. `docs/compatibility.md` shows the words that differ.
 */
import type { terminationReasons } from '../../kernel/record.ts';

/** A reason in this program's own words. */
type OwnReason = (typeof terminationReasons)[number];

const words = {
  'user-requested': 'user-requested',
  'self-terminated': 'self-terminated',
  // Upstream knows no such ends.
  'out-of-memory': 'self-terminated',
  'engine-restart': 'self-terminated',
  'node-reboot': 'self-terminated',
  'failed-to-create': 'failed-to-create',
  'failed-to-start': 'failed-to-start',
  'exec-timeout': 'exec-timeout',
  'idle-timeout': 'idle-timeout',
  // Whoever asked for the kernel has asked for this end.
  expired: 'user-requested',
  'force-terminated': 'force-terminated',
  restarting: 'restarting',
  'restart-timeout': 'restart-timeout',
  'container-not-found': 'container-not-found',
  'agent-termination': 'agent-termination',
  // What upstream says of a container that it has no record of.
  abandoned: 'terminated-unknown-container',
} as const satisfies Record<OwnReason, string>;

const isOwn = (reason: string): reason is OwnReason => Object.hasOwn(words, reason);

/** The word for a reason; what a manager has asked for an end with is its own, and none at all is a request. Pure. */
export function managerWord(reason: string): string {
  if (reason === '') return words['user-requested'];
  return isOwn(reason) ? words[reason] : reason;
}
