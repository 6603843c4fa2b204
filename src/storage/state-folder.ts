/**
 * The state folder: everything that outlives the process. It is locked by one daemon at a time and readable by its
 * owner alone.
 *
 * ```
 * <state>/lock          who uses the folder, which is locked itself
 *         secret        32 random bytes: proves which containers are ours
 *         agent-id      one line
 *         engine.json   which engine has the kernels
 *         ballast       room that is given up when the disk is full
 *         boot-id       the start of the machine in which they were taken over last
 *         kernels/      the journal, one folder per kernel
 *         quarantine/   records that could not be read
 *         events/       what has happened to kernels, and from which number on events are numbered
 *         statistics/   accounts of kernels, and final records of ended ones
 *         outbox/       in a cluster: events on their way out of the node
 *         tasks/ batches/ quiet/   in a cluster: notes of background tasks, batch runs, and ends that are not told
 *         scratch/      one folder per kernel: work, config, run, names; .trash holds what is being deleted, .kept homes of
 *                       kernels whose end nobody asked for, .homes limited homes that are made ahead
 *         volumes/      runner volumes
 * ```
 */
import { randomBytes } from 'node:crypto';
import { chmod, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { syncFolder, writeFileAtomic } from '../lib/atomic-file.ts';
import { KerneletError } from '../lib/errors.ts';
import { acquireFolderLock, type FileLock } from '../lib/file-lock.ts';
import { makeFolder, makeFolderDurably } from '../lib/folders.ts';
import { type AgentId, parseAgentId } from '../lib/ids.ts';
import { isNoexec, type Mount, mountOf, readMountTable } from '../lib/mount-table.ts';
import { StateWrites } from '../lib/state-writes.ts';
import { isSystemError, systemErrorCode, systemErrorText } from '../lib/system-error.ts';
import { Ballast } from './ballast.ts';

/** An open, locked state folder. Disposing it lets the lock go. */
export interface StateFolder extends AsyncDisposable {
  /** Absolute, symlinks resolved. */
  readonly path: string;
  readonly kernels: string;
  readonly quarantine: string;
  readonly scratch: string;
  readonly volumes: string;
  readonly secret: Uint8Array;
  readonly agentId: AgentId;
  /** 8 hex digits that name this folder's objects on the machine: its network, its firewall chains. */
  readonly tag: string;
  /** The order in which its files are written. */
  readonly writes: StateWrites;
  /** What is given up when there is no room for them; kept by who runs kernels. */
  readonly ballast: Ballast;
}

/** How to open a state folder. */
export interface StateFolderOptions {
  /** The mounts of this machine; read from the system when absent. */
  readonly mounts?: readonly Mount[];
  /** Who the agent is to be; a made-up name when absent. */
  readonly agentId?: AgentIdWish;
}

/** The name that an agent is to have. A folder that has one keeps it, unless another is wanted expressly. */
export interface AgentIdWish {
  /** null: nobody says. */
  readonly wanted: AgentId | null;
  /** For a folder that has none. */
  readonly detect: () => Promise<AgentId>;
}

const folders = ['kernels', 'quarantine', 'scratch', 'volumes'] as const;
const secretBytes = 32;
/** What a folder that was used before holds; a command without a daemon makes the last one alone. */
const signs: readonly string[] = [...folders, 'secret', 'lock', 'instances'];

/** Opens the folder, making it when it is absent, and locks it. Throws STATE_UNUSABLE, STATE_LOCKED. */
export async function openStateFolder(wanted: string, options: StateFolderOptions = {}): Promise<StateFolder> {
  await refuseForeign(resolve(wanted));
  const path = await ownFolder(resolve(wanted), makeFolderDurably);
  refuseNoexec(path, options.mounts ?? (await readMountTable()));
  const lock = await acquireFolderLock(path, `the state folder ${path}`);
  try {
    for (const name of folders) await ownFolder(join(path, name), makeFolder);
    // A record that is acknowledged lies in one of them.
    await syncFolder(path);
    const used = (await readdir(join(path, 'kernels'))).length > 0;
    const secret = await readOrMake(join(path, 'secret'), used, async () => randomBytes(secretBytes));
    if (secret.length < secretBytes) throw damaged(join(path, 'secret'));
    const agentId = await settleAgentId(join(path, 'agent-id'), used, options.agentId ?? madeUp);
    return describe(path, lock, secret, agentId);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

function describe(path: string, lock: FileLock, secret: Uint8Array, agentId: AgentId): StateFolder {
  const ballast = new Ballast(path);
  return {
    path,
    kernels: join(path, 'kernels'),
    quarantine: join(path, 'quarantine'),
    scratch: join(path, 'scratch'),
    volumes: join(path, 'volumes'),
    secret,
    agentId,
    // Of the secret rather than the path: a copied folder is the same agent, a new one at the old path is not.
    tag: Buffer.from(secret.subarray(0, 4)).toString('hex'),
    writes: new StateWrites({ ballast }),
    ballast,
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

/** Programs are run from the runner volume in the folder, so its file system must allow that. */
function refuseNoexec(path: string, mounts: readonly Mount[]): void {
  const mount = mountOf(path, mounts);
  if (!mount || !isNoexec(mount)) return;
  throw new KerneletError(
    'STATE_UNUSABLE',
    `the state folder ${path} lies on ${mount.mountPoint}, which is mounted noexec, so kernels could not run from it`,
    { context: { path, mountPoint: mount.mountPoint } },
  );
}

/**
 * The folder is closed to everybody else when it is opened, which would lock people out of one that is not ours: of
 * `/`, or `/tmp`. And what somebody else owns, somebody else can change.
 */
async function refuseForeign(path: string): Promise<void> {
  const facts = await stat(path).catch(() => null);
  if (!facts?.isDirectory()) return;
  const refuse = (why: string): never => {
    throw new KerneletError('STATE_UNUSABLE', `${path} cannot be the state folder: ${why}`, { context: { path } });
  };
  if (facts.uid !== process.geteuid?.()) refuse(`it belongs to another user (${facts.uid})`);
  if ((facts.mode & 0o077) === 0) return;
  const names = await readdir(path).catch(() => []);
  if (names.length === 0 || names.some((name) => signs.includes(name))) return;
  refuse(
    `it is open to others and holds other things; name a new or empty folder, or close it with: chmod 700 ${path}`,
  );
}

async function ownFolder(path: string, make: typeof makeFolder): Promise<string> {
  try {
    await make(path, 0o700);
    await chmod(path, 0o700);
    return await realpath(path);
  } catch (error) {
    const code = systemErrorText(error);
    throw new KerneletError('STATE_UNUSABLE', `the folder ${path} cannot be made or used (${code})`, {
      cause: error,
      context: { path },
    });
  }
}

/**
 * What a file of the folder's identity holds; made when it is missing, but not beside records of kernels: those would be
 * taken for ended, and their files be removed, while their containers run and are no longer provably ours.
 */
async function readOrMake(path: string, used: boolean, make: () => Promise<Uint8Array>): Promise<Uint8Array> {
  const known = await readOptional(path);
  if (known) return known;
  if (used) {
    throw new KerneletError(
      'STATE_UNUSABLE',
      `${path} is missing, without which the recorded kernels cannot be found: put it back, or remove their containers and the folder kernels beside it`,
      { context: { path } },
    );
  }
  const made = await make();
  await writeFileAtomic(path, made);
  return made;
}

const madeUp: AgentIdWish = {
  wanted: null,
  detect: async () => parseAgentId(`i-${randomBytes(6).toString('hex')}`),
};

/** Kernels are known to others as those of the agent of that name, so it stays while there are any. */
async function settleAgentId(path: string, used: boolean, { wanted, detect }: AgentIdWish): Promise<AgentId> {
  const make = async (): Promise<Uint8Array> => Buffer.from(`${wanted ?? (await detect())}\n`);
  const known = readAgentId(path, await readOrMake(path, used, make));
  if (wanted === null || wanted === known) return known;
  if (used) {
    throw new KerneletError(
      'STATE_UNUSABLE',
      `the agent is to be ${wanted}, but its state folder has kernels of ${known}: end them first, or keep that name`,
      { context: { path } },
    );
  }
  await writeFileAtomic(path, await make());
  return wanted;
}

function readAgentId(path: string, content: Uint8Array): AgentId {
  try {
    return parseAgentId(Buffer.from(content).toString('utf8').trim());
  } catch (cause) {
    throw damaged(path, cause);
  }
}

function damaged(path: string, cause?: unknown): KerneletError {
  return new KerneletError('STATE_UNUSABLE', `${path} is damaged: put it back as it was`, { cause, context: { path } });
}

async function readOptional(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw new KerneletError('STATE_UNUSABLE', `${path} cannot be read (${systemErrorCode(error)})`, {
      cause: error,
      context: { path },
    });
  }
}
