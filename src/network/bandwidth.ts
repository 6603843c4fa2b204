/**
 * The bandwidth of a kernel's network: what it receives is shaped where it leaves the host for the kernel, what it sends on
 * a device of its own (ifb) to which the host's end of its cable hands everything. Both are the host's: nothing in the
 * kernel can change them. They end with the kernel's network, but for that device, which goes by its name.
 */
import { createHash } from 'node:crypto';
import type { Deadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';
import { fields, list, newer, nullable, number, text } from '../lib/json-reader.ts';
import { type ProgramResult, runProgram } from '../lib/run-program.ts';

/** Runs a program of the system with text on its standard input. Never rejects. */
export type RunTool = (
  program: string,
  args: readonly string[],
  deadline: Deadline,
  input?: string,
) => Promise<ProgramResult>;

/** The programs of this machine, within the deadline of who asks. */
export const machineTools: RunTool = (program, args, { signal }, input) =>
  runProgram(program, args, { signal, maxOutputBytes: 2 ** 20, ...(input === undefined ? {} : { input }) });

/** An end of a cable between two networks. */
interface CableEnd {
  readonly index: number;
  readonly name: string;
  /** The index of the other end, in its own network; null = the system doesn't say. */
  readonly peer: number | null;
}

const linkList = list(fields({ ifindex: number, ifname: text, link_index: newer(nullable(number), null) }));

/**
 * The device that what a kernel sends goes through; a name has 15 characters at most. Of the id a hash: whoever chooses ids may
 * let many begin alike.
 */
export const deviceOf = (kernel: KernelId): string =>
  `kb${createHash('sha256').update(kernel).digest('hex').slice(0, 12)}`;

/** A fiftieth of a second, and what a large packet of the system's own has at least. */
const burstOf = (rate: number): number => Math.max(64 * 1024, Math.ceil(rate / 8 / 50));
/** How long a packet may wait for its turn. */
const latency = '100ms';

/** Commands for `tc -batch`: shapes both ways of a host's end. Pure. */
export function shapingCommands(hostEnd: string, device: string, rate: number): string {
  const shape = `tbf rate ${rate}bit burst ${burstOf(rate)} latency ${latency}`;
  return [
    `qdisc replace dev ${device} root ${shape}`,
    `qdisc replace dev ${hostEnd} root ${shape}`,
    `qdisc replace dev ${hostEnd} ingress`,
    `filter add dev ${hostEnd} parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev ${device}`,
    '',
  ].join('\n');
}

/** Limits kernels' networks and lets the limits go; both twice if need be. */
export class Bandwidth {
  readonly #run: RunTool;
  /** The listing of this host's cables that has not begun yet, for all who ask until then. */
  #nextCables: Promise<readonly CableEnd[]> | null = null;
  #listing: Promise<unknown> = Promise.resolve();

  constructor(run: RunTool) {
    this.#run = run;
  }

  /**
   * Limits all of a network that has a cable to this host; `pid` is a process in it. A limit that is there already stays.
   * Throws NOT_SUPPORTED, in one sentence, where the programs or the kernel's modules are missing or no cable leads here.
   */
  async limit(kernel: KernelId, pid: number, rate: number, deadline: Deadline): Promise<void> {
    const device = deviceOf(kernel);
    const [inside, here] = await Promise.all([
      this.#cables('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip'], deadline),
      this.#cablesHere(deadline),
    ]);
    // Alone, so that nothing is still making it when this has failed.
    await this.#makeDevice(device, deadline);
    const hostEnds = here.filter(({ index, peer }) => inside.some((end) => end.peer === index && end.index === peer));
    if (hostEnds.length === 0) throw impossible('its network has no cable to this host');
    for (const { name } of hostEnds) {
      if (await this.#isShaped(name, device, deadline)) continue;
      await this.#must('tc', ['-batch', '-'], deadline, shapingCommands(name, device, rate));
    }
  }

  /** Removes the kernel's device; an absent one is success. Throws ENGINE_FAILED. */
  async remove(kernel: KernelId, deadline: Deadline): Promise<void> {
    const { exitCode, stderr } = await this.#run('ip', ['link', 'delete', 'dev', deviceOf(kernel)], deadline);
    if (exitCode === 0 || /find device|ENOENT/i.test(stderr)) return;
    deadline.check();
    throw new KerneletError('ENGINE_FAILED', `the network device ${deviceOf(kernel)} cannot be removed: ${stderr}`);
  }

  async #makeDevice(device: string, deadline: Deadline): Promise<void> {
    const added = await this.#run('ip', ['link', 'add', 'name', device, 'up', 'type', 'ifb'], deadline);
    if (added.exitCode !== 0 && !added.stderr.includes('File exists')) throw refusedBy('ip', added, deadline);
  }

  /** Of a kernel that was limited by an earlier process. */
  async #isShaped(hostEnd: string, device: string, deadline: Deadline): Promise<boolean> {
    const shown = await this.#must('tc', ['filter', 'show', 'dev', hostEnd, 'ingress'], deadline);
    return shown.includes(device);
  }

  /**
   * A kernel that asks while the host is being listed shares the next listing, since its cable may be younger than that: after a
   * start of the daemon many ask at a time. Whoever began it may have to give up: then each lists for itself.
   */
  #cablesHere(deadline: Deadline): Promise<readonly CableEnd[]> {
    this.#nextCables ??= this.#listing
      .catch(() => {})
      .then(() => {
        this.#nextCables = null;
        const listed = this.#cables('ip', [], deadline);
        this.#listing = listed;
        return listed;
      });
    return this.#nextCables.catch((error: unknown) => {
      if (deadline.signal.aborted) throw error;
      return this.#cables('ip', [], deadline);
    });
  }

  async #cables(program: string, args: readonly string[], deadline: Deadline): Promise<readonly CableEnd[]> {
    const listing = [...args, '-json', 'link', 'show', 'type', 'veth'];
    const printed = await this.#must(program, listing, deadline);
    // Of no cable it prints nothing, or an empty object.
    const links: unknown = printed.trim() === '' ? [] : JSON.parse(printed);
    const present = Array.isArray(links) ? links.filter((link: object) => Object.keys(link).length > 0) : [];
    return linkList(present, 'links').map(({ ifindex, ifname, link_index }) => ({
      index: ifindex,
      name: ifname,
      peer: link_index,
    }));
  }

  async #must(program: string, args: readonly string[], deadline: Deadline, input?: string): Promise<string> {
    const result = await this.#run(program, args, deadline, input);
    if (result.exitCode !== 0) throw refusedBy(program, result, deadline);
    return result.stdout;
  }
}

function refusedBy(program: string, { exitCode, stderr }: ProgramResult, deadline: Deadline): KerneletError {
  deadline.check();
  const isMissing = exitCode === -1 && stderr.includes('ENOENT');
  return impossible(isMissing ? `there is no program ${program} (package iproute2)` : `${program}: ${stderr}`);
}

const impossible = (why: string): KerneletError =>
  new KerneletError('NOT_SUPPORTED', `the bandwidth of the kernel cannot be limited: ${why}`);
