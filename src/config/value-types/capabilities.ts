/** Capabilities of the Linux kernel (capabilities(7)). */
import { didYouMean } from '../../lib/nearest-name.ts';
import { RefusedValue, type ValueType } from './value-type.ts';

const known: readonly string[] = (
  'AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH ' +
  'FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN ' +
  'NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT ' +
  'SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM'
).split(' ');
const forms = 'a list of capabilities, such as ["SYS_PTRACE"]';

/** Names of capabilities, given with or without `CAP_`, in any letter case; without it in the result. */
export const capabilities: ValueType<readonly string[]> = {
  forms,
  json: { type: 'array', items: { type: 'string', pattern: '^[A-Za-z_]+$' } },
  parse(value) {
    if (!Array.isArray(value)) throw new RefusedValue(`is not ${forms}`);
    return [...new Set(value.map(nameOf))];
  },
};

function nameOf(item: unknown): string {
  if (typeof item !== 'string') throw new RefusedValue(`is not ${forms}`);
  const name = item.toUpperCase().replace(/^CAP_/, '');
  if (known.includes(name)) return name;
  throw new RefusedValue(`has ${JSON.stringify(item.slice(0, 80))}, which is no capability${didYouMean(name, known)}`);
}
