/** Booleans (spec config-and-ops 2.4). */
import { kind, type ValueType } from './value-type.ts';

const truths = new Set(['y', 'yes', 't', 'true', 'on', '1']);
const untruths = new Set(['n', 'no', 'off', '0', 'false', 'none']);

/** Only the booleans of TOML. */
export const strictBoolean: ValueType<boolean> = kind('true or false', { type: 'boolean' }, (value) =>
  typeof value === 'boolean' ? value : undefined,
);

/** Booleans, 1 and 0, and their names in any case; null counts as false. */
export const lenientBoolean: ValueType<boolean> = kind(
  'true or false (or yes/no, on/off, 1/0)',
  { type: ['boolean', 'integer', 'string', 'null'] },
  (value) => {
    if (typeof value === 'boolean') return value;
    if (value === null || value === 0) return false;
    if (value === 1) return true;
    if (typeof value !== 'string') return undefined;
    const word = value.toLowerCase();
    if (truths.has(word)) return true;
    return untruths.has(word) ? false : undefined;
  },
);
