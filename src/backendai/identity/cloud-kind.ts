/** In whose cloud a machine is, by what its firmware and its leases say (spec config-and-ops 8). Pure. */

/** A cloud; null: on premises. */
export type CloudKind = 'amazon' | 'azure' | 'google' | null;

/** Texts of files of the machine; blank where a file is absent. */
export interface CloudHints {
  /** `/sys/devices/virtual/dmi/id/board_vendor`. */
  readonly boardVendor: string;
  /** `/sys/devices/virtual/dmi/id/bios_version`. */
  readonly biosVersion: string;
  /** `/var/lib/dhcp/dhclient.eth0.leases`. */
  readonly leases: string;
}

/** The first that fits. */
export function cloudKind({ boardVendor, biosVersion, leases }: CloudHints): CloudKind {
  const bios = biosVersion.toLowerCase();
  if (boardVendor.toLowerCase().includes('amazon')) return 'amazon';
  if (bios.includes('google')) return 'google';
  if (bios.includes('amazon')) return 'amazon';
  return leases.includes('unknown-245') ? 'azure' : null;
}
