/**
 * What the agent writes for the runner before it starts: `runner.json` in `/opt/kernel/run`, owned by root, mode 0600, in a
 * folder of mode 0700. The environment travels here, so a newline in a value is kept exactly.
 */
import type { KernelId } from '../lib/ids.ts';
import type { KernelModel } from './kernel-models.ts';
import type { DeclaredService } from './kernel-services.ts';

/** The few capabilities that a runner needs: to become the tenant, and to end what the tenant started. */
export const runnerCapabilities = ['SETUID', 'SETGID', 'KILL'] as const;

/** The argument of the entry by which capabilities beyond the runner's are dropped before it starts. */
export const boundedEntry = 'bounded';

/** The script of an image that runs as root before its kernel is ready, where the operator lets it. */
export const imageScript = '/opt/container/bootstrap.sh';

/** How long the user's own script in the home may take before a kernel is ready. */
export const userScriptTimeoutMs = 600_000;

/** How many sockets of the host one kernel may have. */
export const maxLinks = 16;

/** What a runner is started with. */
export interface RunnerConfig {
  readonly version: 1;
  readonly kernelId: KernelId;
  readonly generation: number;
  /** By which the agent shows who it is: 64 hex digits. */
  readonly secret: string;
  /** A type of `runtimes.ts`, and the path of its tool when the image names one. */
  readonly runtime: { readonly type: string; readonly path: string | null };
  readonly user: { readonly uid: number; readonly gid: number; readonly name: string };
  /** The session's variables, in order; they reach the tenant's processes and never the runner. */
  readonly environ: readonly (readonly [string, string])[];
  /** Those named `sshd` and `ttyd` are the runner's own and run from the start. */
  readonly services: readonly DeclaredService[];
  /** Their servers are started with the kernel. */
  readonly models: readonly KernelModel[];
  /** `eager` starts the interpreter at once, `lazy` at the first query. */
  readonly interpreter: 'eager' | 'lazy';
  /** Unacknowledged output of one run after which its program blocks. */
  readonly outputBufferBytes: number;
  /** How long a finished run is kept when nobody takes its end. */
  readonly finishedRunKeepMs: number;
  /** Whether the tenant may become root by `sudo`, where the image has it. */
  readonly sudo: boolean;
  /** Whether the script of the image, if it has one, is run as root. */
  readonly imageBootstrap: boolean;
  /** Whether the port of the web terminal is published for the node itself alone. */
  readonly isTerminalLocal: boolean;
  /** Whether `.logs` of the home is a folder of the user's, in which batches leave a log. */
  readonly taskLog: boolean;
  /** Links to make before anything of the tenant runs: path and target of each. */
  readonly links: readonly (readonly [path: string, target: string])[];
  readonly debug: boolean;
}

/** Names of the files in `/home/config/ssh` that the agent lays and the runner reads (spec kernel-lifecycle 5.4). */
export const sshFiles = {
  /** The server's key as dropbear reads it. */
  hostKey: 'host_key',
  /** The key with which people log in where they have brought none. */
  loginKey: 'id_container',
  loginPublicKey: 'id_container.pub',
  /** The key that kernels of one session share. */
  clusterKey: 'id_cluster',
  clusterPublicKey: 'id_cluster.pub',
  /** Host and port by host name, for a session whose kernels are not in one network. */
  portMapping: 'port-mapping.json',
} as const;
