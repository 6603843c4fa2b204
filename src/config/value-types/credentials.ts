/** Whom programs run as and what they may: users and groups (spec config-and-ops 2.4), capabilities (capabilities(7)). */
import { didYouMean } from '../../lib/nearest-name.ts';
import { RefusedValue, type ValueType, valueType } from '../definition.ts';
import { integer, range, toNumber } from './scalar.ts';

/** A user or group before names are looked up; `own` stands for the agent's. */
export type OwnerChoice = { readonly own: true } | { readonly id: number } | { readonly name: string };

const largestId = 2 ** 32 - 2;

/** A user or a group. */
export const owner: ValueType<OwnerChoice> = valueType(
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

/** Users of this host, root not among them. */
export const userRange = range('users', integer({ min: 1, max: largestId }), { first: 2_000_000, last: 2_065_535 });

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

const knownCapabilities: readonly string[] = (
  'AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH ' +
  'FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT ' +
  'SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
).split(' ');
const capabilityForms = 'a list of capabilities, such as ["SYS_PTRACE"]';

/** Names of capabilities, given with or without `CAP_`, in any letter case; without it in the result. */
export const capabilities: ValueType<readonly string[]> = {
  forms: capabilityForms,
  json: { type: 'array', items: { type: 'string', pattern: '^[A-Za-z_]+$' } },
  parse(value) {
    if (!Array.isArray(value)) throw new RefusedValue(`is not ${capabilityForms}`);
    return [...new Set(value.map(capabilityName))];
  },
};

function capabilityName(item: unknown): string {
  if (typeof item !== 'string') throw new RefusedValue(`is not ${capabilityForms}`);
  const name = item.toUpperCase().replace(/^CAP_/, '');
  if (knownCapabilities.includes(name)) return name;
  throw new RefusedValue(
    `has ${JSON.stringify(item.slice(0, 80))}, which is no capability${didYouMean(name, knownCapabilities)}`,
  );
}
