/**
 * Proof that a container is this agent's. Image labels are inherited by containers, and two agents may have one id, so
 * labels alone prove nothing: the proof is an HMAC of the container's name under a secret of the state folder, whatever
 * the agent was called when it made the container. The runner's secret comes from there too, so it survives a restart of
 * the daemon without being stored.
 */
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import {
  type AgentId,
  type ContainerId,
  type KernelId,
  parseKernelId,
  parseSessionId,
  type SessionId,
} from '../../lib/ids.ts';
import { objectLabels } from '../../protocol/image-contract.ts';
import type { KernelRecord } from '../record.ts';

/**
 * Labels of a kernel's container. The first three have the names that other tools know (spec kernel-lifecycle 7.2);
 * `owner` says to people and to them what the agent is called in its cluster, and nothing is decided by it.
 */
export const labelNames = {
  kernelId: objectLabels.kernelId,
  sessionId: objectLabels.sessionId,
  owner: objectLabels.owner,
  generation: 'ai.kernelet.generation',
  proof: 'ai.kernelet.proof',
  ports: 'ai.kernelet.host-ports',
  cpuset: 'ai.kernelet.cpuset',
  devices: 'ai.kernelet.devices',
  prewarmedNetwork: 'ai.kernelet.sandbox',
} as const;

/** What is looked at in a container. */
export interface Claimant {
  readonly id: ContainerId;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A container that is provably this agent's. */
export interface OwnedContainer {
  readonly containerId: ContainerId;
  readonly kernelId: KernelId;
  readonly sessionId: SessionId;
  readonly generation: number;
}

/** What is recorded of a kernel that may have a container. */
export type RecordOf = (kernel: KernelId) => Pick<KernelRecord, 'containerId' | 'spec'> | undefined;

/** HMACs of names that are kept: each round of reconciliation asks for two of every kernel, at some 5 µs apiece. */
const maxKeptMacs = 4_096;

/** By what the engine is asked for our containers: for those of all agents, since only the proof tells whose one is. */
export const provenLabels = { [labelNames.proof]: null } as const;

/** Makes the labels that prove a container to be this agent's, and tells by them whether one is. */
export class Ownership {
  readonly agentId: AgentId;
  /** As a key object: of bytes, each HMAC would make one again, which is four fifths of its time. */
  readonly #secret: KeyObject;
  readonly #macs = new Map<string, string>();

  /** `agentId` is the agent's id of the moment. `secret` is the content of the state folder's secret file: 32 bytes or more. */
  constructor(agentId: AgentId, secret: Uint8Array) {
    this.agentId = agentId;
    this.#secret = createSecretKey(secret);
  }

  /**
   * The names that a kernel's container may have (spec kernel-lifecycle 7.2). The first is today's. The engine answers
   * neighbours who ask for a name or an address, so it holds no id but 24 hex digits that only the agent can make of it.
   * The other is that of earlier versions.
   */
  containerNames(kernel: KernelId, imageReference: string): readonly [string, string] {
    const last = imageReference.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
    const short = last.replace(/[^A-Za-z0-9_-]/g, '-').slice(0, 60) || 'image';
    return [`kernel.${short}.${this.#alias(kernel)}`, `kernel.${short}.${kernel}`];
  }

  /** The proof that a container of this name carries: 64 hex digits. */
  proof(name: string): string {
    return this.#keptMac(`container:${name}`);
  }

  /** What agent and runner of one container know: 64 hex digits. */
  runnerSecret(kernel: KernelId, generation: number): string {
    return this.#mac(`runner:${kernel}:${generation}`);
  }

  /** What the kernel's SSH keys are made of: 32 bytes, the same for all of its containers. */
  sshSeed(kernel: KernelId, key: 'host' | 'login'): Uint8Array {
    return Buffer.from(this.#mac(`ssh-${key}:${kernel}`), 'hex');
  }

  /**
   * Whose container this is, or null when it is not provably this agent's. The proof is of the name that it was made with:
   * people may have renamed it, and then it is known by its id, which only the record of its kernel tells.
   */
  identify(container: Claimant, recordOf: RecordOf): OwnedContainer | null {
    const { id: containerId, labels } = container;
    const generation = labels[labelNames.generation] ?? '';
    if (!/^[1-9]\d{0,8}$/.test(generation)) return null;
    try {
      const kernelId = parseKernelId(labels[labelNames.kernelId] ?? '');
      const sessionId = parseSessionId(labels[labelNames.sessionId] ?? '');
      const record = recordOf(kernelId);
      const isOurs =
        this.#isMadeAs(container.name.replace(/^\//, ''), kernelId, labels) ||
        (record?.containerId === containerId &&
          this.containerNames(kernelId, record.spec.image.reference).some((name) =>
            this.#isMadeAs(name, kernelId, labels),
          ));
      return isOurs ? { containerId, kernelId, sessionId, generation: Number(generation) } : null;
    } catch {
      return null;
    }
  }

  /** Whether labels prove that their container was made by this name, for this kernel. */
  #isMadeAs(name: string, kernel: KernelId, labels: Claimant['labels']): boolean {
    const [, last] = /^kernel\.[A-Za-z0-9_-]+\.([0-9a-f-]+)$/.exec(name) ?? [];
    if (last !== kernel && last !== this.#alias(kernel)) return false;
    return sameText(labels[labelNames.proof] ?? '', this.proof(name));
  }

  #alias(kernel: KernelId): string {
    return this.#keptMac(`name:${kernel}`).slice(0, 24);
  }

  /** For what stands in names and labels of containers, and so is no secret. */
  #keptMac(text: string): string {
    const kept = this.#macs.get(text);
    if (kept !== undefined) return kept;
    if (this.#macs.size >= maxKeptMacs) this.#macs.clear();
    const made = this.#mac(text);
    this.#macs.set(text, made);
    return made;
  }

  #mac(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('hex');
  }
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
