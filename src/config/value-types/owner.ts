/** Users and groups (spec config-and-ops 2.4): a number, a name, or -1 for the agent's own. */

import { toNumber } from './number.ts';
import { kind, type ValueType } from './value-type.ts';

/** A user or group before names are looked up; `own` stands for the agent's. */
export type OwnerChoice = { readonly own: true } | { readonly id: number } | { readonly name: string };

const largestId = 2 ** 32 - 2;

/** A user or a group. */
export const owner: ValueType<OwnerChoice> = kind(
  "a number, a name, or -1 for the agent's own",
  { type: ['integer', 'string', 'null'] },
  (value) => {
    if (value === null || value === '') return { own: true };
    const id = toNumber(value);
    if (id === -1) return { own: true };
    if (id !== undefined) return Number.isInteger(id) && id >= 0 && id <= largestId ? { id } : undefined;
    return typeof value === 'string' && /^[A-Za-z_][A-Za-z0-9_.-]{0,63}\$?$/.test(value) ? { name: value } : undefined;
  },
);

/** Finds the numbers of names. */
export interface AccountLookup {
  user(name: string): { readonly uid: number; readonly gid: number } | undefined;
  group(name: string): number | undefined;
}

/** A lookup in the texts of `/etc/passwd` and `/etc/group`. */
export function accountLookup(passwd: string, group: string): AccountLookup {
  const find = (text: string, name: string): readonly string[] | undefined =>
    text
      .split('\n')
      .map((line) => line.split(':'))
      .find(([first]) => first === name);
  return {
    user: (name) => {
      const fields = find(passwd, name);
      const [uid, gid] = [toNumber(fields?.[2]), toNumber(fields?.[3])];
      return uid === undefined || gid === undefined ? undefined : { uid, gid };
    },
    group: (name) => toNumber(find(group, name)?.[2]),
  };
}
