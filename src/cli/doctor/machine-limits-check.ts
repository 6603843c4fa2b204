/** Are the limits of the whole machine wide enough for all that its kernels may have at a time? */
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { type CheckResult, type DoctorCheck, ok, warning } from './check.ts';

/** Addresses of the networks that engines make as they are set up: one kernel can ask for all of them. */
const addressesOfNetwork = 65_536;
/** What an open file takes of the memory of its kernel. */
const bytesOfOpenFile = 256;

/** What the machine allows, and what its kernels may ask of it. */
export interface MachineLimits {
  /** `fs.file-max`. */
  readonly openFiles: number;
  /** `net.netfilter.nf_conntrack_max`; null = this machine follows no connections yet. */
  readonly connections: number | null;
  /** `net.ipv4.neigh.default.gc_thresh3`, of all networks of the machine together; null = it is not known. */
  readonly neighbours: number | null;
  readonly memoryBytes: number;
  /** As many as there are, or as the machine has room for. */
  readonly kernels: number;
  /** How many connections each may have; 0 = no limit. */
  readonly connectionLimit: number;
}

/** The result of these facts. Pure. */
export function machineLimitsResult(facts: MachineLimits): CheckResult {
  const { openFiles, connections, neighbours, kernels, connectionLimit } = facts;
  const followed = connections === null ? '' : `, ${connections} connections`;
  // What systemd sets is beyond all numbers that are whole here.
  const opened = Number.isSafeInteger(openFiles) ? openFiles : 'any number of';
  const known = neighbours === null ? '' : `, ${neighbours} neighbours`;
  const has = `${opened} open files${followed}${known} for the whole machine`;
  const wantedConnections = kernels * connectionLimit;
  if (connections !== null && connections < wantedConnections) {
    const each = `${kernels} kernel${kernels === 1 ? '' : 's'} of ${connectionLimit} each`;
    return warning(
      `${has}: fewer than ${each} can have`,
      `sysctl -w net.netfilter.nf_conntrack_max=${2 ** Math.ceil(Math.log2(wantedConnections))}`,
    );
  }
  const wantedFiles = Math.ceil(facts.memoryBytes / bytesOfOpenFile);
  if (openFiles < wantedFiles)
    return warning(`${has}: kernels can open more within their memory`, `sysctl -w fs.file-max=${wantedFiles}`);
  if (neighbours === null || neighbours >= addressesOfNetwork) return ok(has);
  return warning(
    `${has}: one kernel can have ${addressesOfNetwork}, and leave nobody any`,
    `sysctl -w net.ipv4.neigh.default.gc_thresh3=${addressesOfNetwork}`,
  );
}

/** A number from a file of the system; null when there is none. */
async function numberIn(path: string): Promise<number | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  return text === '' ? null : Number(text);
}

export const machineLimitsCheck = {
  name: 'machine',
  async run({ settings, daemon }) {
    const room = Math.floor(availableParallelism() / settings.defaults.cpus);
    return machineLimitsResult({
      openFiles: (await numberIn('/proc/sys/fs/file-max')) ?? Number.POSITIVE_INFINITY,
      connections: await numberIn('/proc/sys/net/netfilter/nf_conntrack_max'),
      neighbours: await numberIn('/proc/sys/net/ipv4/neigh/default/gc_thresh3'),
      memoryBytes: totalmem(),
      kernels: Math.max(1, room, daemon?.kernels ?? 0),
      connectionLimit: settings.connectionLimit,
    });
  },
} satisfies DoctorCheck;
