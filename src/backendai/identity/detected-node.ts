/** What a machine is found to be, when nobody has said it (spec config-and-ops 8). */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { type AskMetadata, type CloudKind, cloudFacts, cloudKind } from './cloud-facts.ts';

/** What stands in for keys of the configuration that are blank; upstream chooses the same. */
export interface DetectedNode {
  readonly cloud: CloudKind;
  readonly id: string;
  /** In a cloud; null on premises. */
  readonly ip: string | null;
  readonly instanceType: string;
  readonly region: string;
}

/** The machine as detection sees it; tests give another one. */
export interface DetectionOptions {
  readonly ask: AskMetadata;
  /** Stands for `/`. */
  readonly root?: string;
  /** The machine's own when absent. */
  readonly hostname?: string;
  /**
   * Whether an agent of upstream's has been here: in Azure it never learnt its id, and the node keeps the one that it had.
   */
  readonly wasUpstream: boolean;
}

const loopback = '127.0.0.1';

/** Detects. Never throws. */
export async function detectNode(options: DetectionOptions): Promise<DetectedNode> {
  const { ask, root = '', wasUpstream } = options;
  const named = `i-${options.hostname ?? hostname()}`;
  const read = (path: string): Promise<string> => readFile(`${root}${path}`, 'utf8').catch(() => '');
  const cloud = cloudKind({
    boardVendor: await read('/sys/devices/virtual/dmi/id/board_vendor'),
    biosVersion: await read('/sys/devices/virtual/dmi/id/bios_version'),
    leases: await read('/var/lib/dhcp/dhclient.eth0.leases'),
  });
  if (cloud === null) return { cloud, id: named, ip: null, instanceType: 'default', region: 'local' };
  const { id, ip, instanceType, region } = await cloudFacts(cloud, ask);
  return {
    cloud,
    id: id === null || (cloud === 'azure' && wasUpstream) ? named : id,
    ip: ip ?? loopback,
    instanceType: instanceType ?? 'unknown',
    region,
  };
}
