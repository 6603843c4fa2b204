/**
 * A prewarmed network: a container that does nothing but hold a network, which a kernel's container joins instead of
 * getting one of its own. Its program is the runner volume's static one, so that nothing of the image ever runs. With the
 * network come network files (of hosts, of name servers, and of its own name), which the engine binds into every container
 * that joins it, where root can write them.
 */
import { randomBytes } from 'node:crypto';
import { constants, open, readFile } from 'node:fs/promises';
import type { ContainerDetail, ContainerSpec, ContainerSummary } from '../engine/engine.ts';
import { asContainerId, type ContainerId, type KernelId } from '../lib/ids.ts';
import { fields, type Reader, type TypeOf, text, whole } from '../lib/json-reader.ts';

/** Reads the id of a container, as it is stored. */
export const containerIdText: Reader<ContainerId> = (value, place) => asContainerId(text(value, place));

/** The prewarmed network that a kernel holds. */
export type LeasedNetwork = TypeOf<typeof leasedNetwork>;
/** The form of it in a kernel's record. */
export const leasedNetwork = fields({
  container: containerIdText,
  /** What had gone through the network before the kernel's container joined it. */
  receivedBytes: whole,
  sentBytes: whole,
});

/** A network as it was made, when no kernel had joined it yet. */
export interface MadeNetwork {
  /** The image of its container. */
  readonly image: string;
  readonly networkFiles: NetworkFiles;
  /** The process that holds it. */
  readonly pid: number;
  /** What there is of sockets: the engine's. */
  readonly sockets: string;
}

/** What the pool knows of one. What is not `readonly` changes with every kernel on it. */
export interface PrewarmedNetwork {
  readonly id: ContainerId;
  /** How it was made; null = not known, since an earlier process has made it. */
  readonly made: MadeNetwork | null;
  owner: KernelId | null;
  /** Bytes that had been sent from it before its kernel joined; null = none has. */
  sentBefore: number | null;
  /** The kernel that gave it back last. */
  lastOwner: KernelId | null;
}

/** One of which nothing is known but its container. */
export const unknownNetwork = (id: ContainerId): PrewarmedNetwork => ({
  ...{ id, made: null, owner: null, sentBefore: null, lastOwner: null },
});

/** What is the same for all prewarmed networks of an agent. */
export interface PrewarmedNetworkForm {
  /** 8 hex digits of the state folder. */
  readonly tag: string;
  /** The agent's id, as a label for people. */
  readonly agentId: string;
  /** The engine's network that they are on. */
  readonly network: string;
  /** The runner volume on the host, once there is one, and where containers have it. */
  readonly volume: { readonly source: () => Promise<string>; readonly target: string };
  /** The proof that a container of this name is the agent's. */
  readonly proof: (name: string) => string;
}

/**
 * The labels of the container that holds one. None is a label of a kernel's container, so that it is never taken for one.
 * They are those of every version, so that what an earlier daemon has left is found.
 */
export const prewarmedNetworkLabels = {
  owner: 'ai.kernelet.sandbox-of',
  proof: 'ai.kernelet.sandbox-proof',
} as const;

/** The engine gives no less memory to a container. */
const memoryBytes = 6 * 2 ** 20;
const processes = 4;
const nobody = '65534:65534';
const logLimitBytes = 4096 * 5;

/** The name of a new one: within the length of host names, and no other agent's. */
export const newPrewarmedNetworkName = (tag: string): string =>
  `kernelet-network.${tag}.${randomBytes(6).toString('hex')}`;

/** The container that holds one. `image` is any that is here; nothing of it runs. */
export async function prewarmedNetworkSpec(
  form: PrewarmedNetworkForm,
  name: string,
  image: string,
): Promise<ContainerSpec> {
  const { network, volume } = form;
  return {
    name,
    image,
    mounts: [{ source: await volume.source(), target: volume.target, readOnly: true }],
    hostname: name.slice(-12),
    labels: { [prewarmedNetworkLabels.owner]: form.agentId, [prewarmedNetworkLabels.proof]: form.proof(name) },
    entrypoint: [`${volume.target}/bin/busybox`, 'sleep', '2147483647'],
    command: [],
    environ: [],
    workingDirectory: '/',
    temporaryFilesystems: {},
    limits: { cpus: 0.1, memoryBytes, processes },
    network,
    networkAliases: [],
    ports: [],
    capabilities: [],
    noNewPrivileges: true,
    securityOptions: [],
    logLimitBytes,
    init: false,
    user: nobody,
    readOnlyRoot: true,
  };
}

/** Whether a container provably holds a prewarmed network of this agent. */
export function isPrewarmedNetwork(
  form: PrewarmedNetworkForm,
  { name, labels }: Pick<ContainerSummary, 'name' | 'labels'>,
): boolean {
  return name.startsWith(`kernelet-network.${form.tag}.`) && labels[prewarmedNetworkLabels.proof] === form.proof(name);
}

/** The files by their names in `/etc`. */
export const networkFileNames = ['hosts', 'resolv.conf', 'hostname'] as const;
/** A file as it was found. */
interface NetworkFile {
  readonly content: Uint8Array;
  /** Type and permission bits, as `stat` gives them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** The network files of one network. */
export type NetworkFiles = Readonly<Record<(typeof networkFileNames)[number], NetworkFile>>;

/** Bytes of one file; far more than an engine writes. */
const maxBytes = 64 * 1024;
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads the network files. Throws the system's error, and an Error for what is no file, or too long. */
export async function readNetworkFiles(paths: ContainerDetail['networkFiles']): Promise<NetworkFiles> {
  const [hosts, servers, own] = await Promise.all(networkFileNames.map((name) => readOne(paths[name])));
  if (!hosts || !servers || !own) throw new Error('unreachable: each file has been read');
  return { hosts, 'resolv.conf': servers, hostname: own };
}

/** Whether content, type, permissions and owners of all of them are equal. */
export function networkFilesEqual(one: NetworkFiles, other: NetworkFiles): boolean {
  return networkFileNames.every((name) => {
    const [a, b] = [one[name], other[name]];
    const owned = a.mode === b.mode && a.uid === b.uid && a.gid === b.gid;
    return owned && Buffer.compare(a.content, b.content) === 0;
  });
}

async function readOne(path: string): Promise<NetworkFile> {
  await using file = await open(path, flags);
  const facts = await file.stat();
  if (!facts.isFile() || facts.size > maxBytes) throw new Error(`${path} is no file of at most ${maxBytes} bytes`);
  const content = Buffer.alloc(maxBytes);
  const { bytesRead } = await file.read(content, 0, maxBytes, 0);
  return { content: Buffer.from(content.subarray(0, bytesRead)), mode: facts.mode, uid: facts.uid, gid: facts.gid };
}

/**
 * The sockets of a process's network, as the kernel counts them: those that are open, of every kind, among them such as
 * nobody holds any more but have data to send, and the ends of connections that wait for their time to pass.
 */
export async function socketsOf(pid: number): Promise<string> {
  const path = `/proc/${pid}/net/sockstat`;
  const text = await readFile(path, 'utf8');
  const [, used] = /^sockets: used (\d+)$/m.exec(text) ?? [];
  const [, waiting] = /^TCP: .*\btw (\d+)\b/m.exec(text) ?? [];
  if (used === undefined || waiting === undefined) throw new Error(`${path} does not count sockets`);
  return `${used} open, ${waiting} waiting`;
}
