/**
 * The keys of database 0 that the agent writes (spec cluster-state 3.1), with their expiries. Nothing of it is queued:
 * what cannot be written now is out of date when it could be.
 */
import type { RedisCommand } from './connection.ts';
import { bytesOf } from './event-stream.ts';
import type { KeyWriter } from './link.ts';

const nodeExpiryS = '120';
const processesExpiryS = '8';
const commitExpiryS = '13';
/** A manager reads a kernel's last numbers when it handles the kernel's end, and for accounting some time later. */
const endedKernelExpiryS = '86400';

/** A kernel's place in the report of abuse. */
export type AbuseState = 'detected' | 'cleaning';

/** Writes these keys. Every method throws REDIS_UNAVAILABLE, REDIS_REFUSED. */
export class RedisStatistics {
  readonly #link: KeyWriter;
  readonly #agentId: string;

  constructor(link: KeyWriter, agentId: string) {
    this.#link = link;
    this.#agentId = agentId;
  }

  /** Numbers of the node, encoded. */
  async writeNode(numbers: Uint8Array): Promise<void> {
    await this.#link.transact([
      ['SET', this.#agentId, bytesOf(numbers)],
      ['EXPIRE', this.#agentId, nodeExpiryS],
    ]);
  }

  /** Numbers of running kernels by kernel id, encoded. */
  async writeKernels(numbers: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.#pipeline([...numbers].map(([kernelId, value]) => ['SET', kernelId, bytesOf(value)]));
  }

  /** The last numbers of a kernel, encoded: they expire unless it goes on. */
  async writeLast(kernelId: string, numbers: Uint8Array): Promise<void> {
    await this.#link.call(['SET', kernelId, bytesOf(numbers), 'EX', endedKernelExpiryS]);
  }

  /** Numbers of processes by full container id, encoded. */
  async writeProcesses(numbers: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.#pipeline(
      [...numbers].map(([containerId, value]) => ['SET', containerId, bytesOf(value), 'EX', processesExpiryS]),
    );
  }

  /** Lets the numbers of kernels that have ended expire: of running ones they stay. */
  async expireKernels(kernelIds: readonly string[]): Promise<void> {
    await this.#pipeline(kernelIds.map((kernelId) => ['EXPIRE', kernelId, endedKernelExpiryS]));
  }

  /** How many kernel containers of this agent live. */
  async writeContainerCount(count: number): Promise<void> {
    await this.#link.call(['SET', `container_count.${this.#agentId}`, String(count)]);
  }

  /** What kinds of devices there are: JSON documents by slot name. */
  async writeDeviceMetadata(documents: ReadonlyMap<string, string>): Promise<void> {
    if (documents.size === 0) return;
    await this.#link.transact([...documents].map(([slot, json]) => ['HSET', 'computer.metadata', slot, json]));
  }

  /** Says that these kernels are being committed; it is forgotten by itself unless it is said again. */
  async writeCommitting(kernelIds: readonly string[]): Promise<void> {
    await this.#pipeline(
      kernelIds.map((kernelId) => ['SET', `kernel.${kernelId}.commit`, 'ongoing', 'EX', commitExpiryS]),
    );
  }

  /**
   * Reports abuse by kernels of this agent and takes back what is over. The report is the whole cluster's, so only the
   * named kernels are touched.
   */
  async writeAbuse(report: ReadonlyMap<string, AbuseState>, over: readonly string[]): Promise<void> {
    const found: RedisCommand[] = [...report].map(([kernelId, state]) => ['HSET', 'abuse_report', kernelId, state]);
    await this.#pipeline(over.length === 0 ? found : [...found, ['HDEL', 'abuse_report', ...over]]);
  }

  /** Some thousands of commands go in several parts, so that none takes the deadline of all. */
  async #pipeline(commands: readonly RedisCommand[]): Promise<void> {
    for (let at = 0; at < commands.length; at += maxCommands) {
      await this.#link.send(commands.slice(at, at + maxCommands));
    }
  }
}

const maxCommands = 1000;
