/** Capabilities of Linux, and the masks of them that `/proc/PID/status` shows. */

/** In the order of their numbers (capability.h), without `CAP_`. */
export const capabilityNames: readonly string[] = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE',
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN',
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE',
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
].flatMap((names) => names.split(' '));

/** The mask of these, of 16 hexadecimal digits. Throws for a name that is none. */
export function maskOf(capabilities: readonly string[]): string {
  let mask = 0n;
  for (const name of capabilities) {
    const number = capabilityNames.indexOf(name);
    if (number < 0) throw new Error(`${name} is no capability`);
    mask |= 1n << BigInt(number);
  }
  return mask.toString(16).padStart(16, '0');
}

/** Those whose bits a mask of hexadecimal digits lacks. */
export function missingFrom(mask: string): readonly string[] {
  const bits = BigInt(`0x${mask}`);
  return capabilityNames.filter((_, number) => ((bits >> BigInt(number)) & 1n) === 0n);
}
