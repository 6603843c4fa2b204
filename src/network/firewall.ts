/**
 * What kernels on our bridges may not reach: the host's services, link-local addresses (where clouds keep their
 * credentials) and, unless they are one session's, each other. Two chains of our own, entered by packets from our
 * interfaces alone:
 *
 * - `KERNELET-<tag>-IN`, from INPUT: only answers to what the host began come in
 * - `KERNELET-<tag>`, from the engine's chain for rules of others (or FORWARD): nothing to link-local addresses, nothing
 *   back into the bridge
 *
 * Applying is idempotent; chains are filled in one atomic step, so there is no moment without rules.
 */
import { spawn } from 'node:child_process';
import type { Deadline } from '../lib/deadline.ts';
import { KerneletError } from '../lib/errors.ts';

/** How a run of iptables ended. */
export interface CommandResult {
  /** −1: the program could not be run, or was ended. */
  readonly exitCode: number;
  readonly stderr: string;
}

/**
 * Runs one program of the family with arguments (no shell) and text on its standard input, waiting for the table's lock
 * within the deadline. Never rejects.
 */
export type IptablesRunner = (
  program: 'iptables' | 'iptables-restore' | 'ip6tables',
  args: readonly string[],
  deadline: Deadline,
  input?: string,
) => Promise<CommandResult>;

/** Addresses that are reached by no kernel: link-local. */
const linkLocal = '169.254.0.0/16';

/** How a firewall may differ. */
export interface FirewallOptions {
  /** Whether what is on the interface is kept off each other too; true when absent. */
  readonly isolated?: boolean;
  /** The engine's own chain for rules of others; null where it keeps none. */
  readonly rulesChain: string | null;
  /** The machine's iptables when absent. */
  readonly iptables?: IptablesRunner | undefined;
}

/** The rules for one bridge, or for all whose names begin the same way. */
export class Firewall {
  readonly #interfaceName: string;
  readonly #forwardChain: string;
  readonly #inputChain: string;
  readonly #isolated: boolean;
  readonly #rulesChain: string | null;
  readonly #run: IptablesRunner;

  /** `tag`: at most 10 characters that make the chains this agent's own. `interfaceName`: one, or how they begin and `+`. */
  constructor(tag: string, interfaceName: string, options: FirewallOptions) {
    const { isolated = true, rulesChain, iptables = runIptables } = options;
    this.#interfaceName = interfaceName;
    this.#forwardChain = `KERNELET-${tag}`;
    this.#inputChain = `KERNELET-${tag}-IN`;
    this.#isolated = isolated;
    this.#rulesChain = rulesChain;
    this.#run = iptables;
  }

  /** Puts the rules in place, whatever is there already. Throws NOT_SUPPORTED when this machine can't. */
  async apply(deadline: Deadline): Promise<void> {
    const filled = await this.#run('iptables-restore', ['--noflush'], deadline, this.chains());
    if (filled.exitCode !== 0) {
      // A run that was ended says nothing about this machine.
      deadline.check();
      throw new KerneletError(
        'NOT_SUPPORTED',
        `kernels cannot have a network here: iptables cannot keep them off this host (${filled.stderr || 'not installed'})`,
        { context: { chain: this.#forwardChain } },
      );
    }
    const theirs = this.#rulesChain;
    const forward = theirs !== null && (await this.#exists(theirs, deadline)) ? theirs : 'FORWARD';
    await this.#insertJump(forward, this.#forwardChain, deadline);
    await this.#insertJump('INPUT', this.#inputChain, deadline);
    // Kernels have no IPv6 address of their own; this is for the link-local one a bridge may have.
    const rule = ['INPUT', '-i', this.#interfaceName, '-j', 'DROP'];
    const known = await this.#run('ip6tables', ['-C', ...rule], deadline);
    if (known.exitCode === 1) await this.#run('ip6tables', ['-I', ...rule], deadline);
  }

  /** Takes the rules away; absent ones are success. */
  async remove(deadline: Deadline): Promise<void> {
    const chains = [this.#forwardChain, this.#inputChain];
    const present = await Promise.all(chains.map((chain) => this.#exists(chain, deadline)));
    if (!present.includes(true)) return;
    const froms = this.#rulesChain === null ? ['FORWARD'] : [this.#rulesChain, 'FORWARD'];
    for (const from of froms) await this.#deleteJump(from, this.#forwardChain, deadline);
    await this.#deleteJump('INPUT', this.#inputChain, deadline);
    for (const chain of chains) {
      await this.#run('iptables', ['-F', chain], deadline);
      await this.#run('iptables', ['-X', chain], deadline);
    }
    await this.#run('ip6tables', ['-D', 'INPUT', '-i', this.#interfaceName, '-j', 'DROP'], deadline);
  }

  /** The text that fills both chains, for iptables-restore. */
  chains(): string {
    const [forward, input, bridge] = [this.#forwardChain, this.#inputChain, this.#interfaceName];
    return [
      '*filter',
      `:${forward} - [0:0]`,
      `:${input} - [0:0]`,
      `-A ${forward} -d ${linkLocal} -j REJECT`,
      ...(this.#isolated ? [`-A ${forward} -o ${bridge} -j REJECT`] : []),
      `-A ${forward} -j RETURN`,
      `-A ${input} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN`,
      `-A ${input} -j REJECT`,
      'COMMIT',
      '',
    ].join('\n');
  }

  async #exists(chain: string, deadline: Deadline): Promise<boolean> {
    return (await this.#run('iptables', ['-n', '-L', chain], deadline)).exitCode === 0;
  }

  /** Our jumps come first: a rule of others before them could accept what they refuse. */
  async #insertJump(from: string, chain: string, deadline: Deadline): Promise<void> {
    const jump = ['-i', this.#interfaceName, '-j', chain];
    if ((await this.#run('iptables', ['-C', from, ...jump], deadline)).exitCode === 0) return;
    const inserted = await this.#run('iptables', ['-I', from, '1', ...jump], deadline);
    if (inserted.exitCode === 0) return;
    deadline.check();
    throw new KerneletError('NOT_SUPPORTED', `iptables refuses a rule in ${from}: ${inserted.stderr}`);
  }

  async #deleteJump(from: string, chain: string, deadline: Deadline): Promise<void> {
    // The same jump may stand there more than once, after a reload by others.
    for (let left = 8; left > 0; left--) {
      const gone = await this.#run('iptables', ['-D', from, '-i', this.#interfaceName, '-j', chain], deadline);
      if (gone.exitCode !== 0) return;
    }
  }
}

/** Seconds that iptables waits for another user of the table. */
const lockSeconds = '5';
const maxStderr = 4096;

/** The iptables of this machine. */
export const runIptables: IptablesRunner = (program, args, deadline, input = '') =>
  new Promise((resolve) => {
    let stderr = '';
    const child = spawn(program, ['-w', lockSeconds, ...args], {
      stdio: ['pipe', 'ignore', 'pipe'],
      signal: deadline.signal,
      killSignal: 'SIGKILL',
      env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`, LC_ALL: 'C' },
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-maxStderr);
    });
    child.once('error', (error) => resolve({ exitCode: -1, stderr: error.message }));
    child.once('close', (code) => resolve({ exitCode: code ?? -1, stderr: stderr.trim() }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
