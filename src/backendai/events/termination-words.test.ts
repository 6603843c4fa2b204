import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { terminationReasons } from '../../kernel/record.ts';
import { managerWord } from './termination-words.ts';

/** Members that the enumerations of 24.09 and of 26.9 have in common, of those that this program may say. */
const members = new Set([
  ...['agent-termination', 'container-not-found', 'exec-timeout', 'failed-to-create', 'failed-to-start'],
  ...['force-terminated', 'idle-timeout', 'restart-timeout', 'restarting', 'self-terminated'],
  ...['terminated-unknown-container', 'user-requested'],
]);

it('is one that every generation of managers takes', () => {
  for (const reason of terminationReasons) expect(members, reason).toContain(managerWord(reason));
  expect(managerWord('')).toBe('user-requested');
});

it('is the manager’s own when it has given the reason, whatever that is called', () => {
  for (const word of ['idle-utilization', 'killed-by-event', 'constructor']) expect(managerWord(word)).toBe(word);
});

it('is documented where it differs', () => {
  const page = readFileSync(new URL('../../../docs/compatibility.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \| `([a-z-]+)` \|/gm)].map(([, own, word]) => [own, word]);
  const differing = terminationReasons.filter((reason) => managerWord(reason) !== reason);
  expect(rows).toEqual(differing.map((reason) => [reason, managerWord(reason)]));
});
