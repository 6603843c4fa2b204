/**
 * etcd as one store, whichever of its servers answers: calls go to the server that answered last and, when it does not,
 * to the next; the token is renewed when a server no longer knows it.
 */

import { KerneletError } from '../../lib/errors.ts';
import type { Logger } from '../../lib/log.ts';
import type { Backoff } from '../../lib/retry.ts';
import {
  EtcdEndpoint,
  EtcdFailure,
  type EtcdOperation,
  type EtcdTls,
  type KeyPair,
  type KeyRange,
  type TransactionResult,
} from './endpoint.ts';

/** Where etcd's servers are, and what the agent shows of itself there. */
export interface EtcdClientOptions {
  /** `host:port`, at least one. */
  readonly addresses: readonly string[];
  /** null: plain. */
  readonly tls: EtcdTls | null;
  /** null: no authentication. */
  readonly credentials: { readonly user: string; readonly password: string } | null;
  readonly log: Logger;
  /** For one attempt at one server; 10 s when absent, so that a server that takes 5 s is still served. */
  readonly timeoutMs?: number;
}

/** What a set of ranges held at one revision. */
export interface RangesState {
  readonly revision: bigint;
  readonly ranges: readonly (readonly KeyPair[])[];
}

const defaultTimeoutMs = 10_000;
/** A refused token is renewed once in a call, and a second time when the server restarted in between. */
const maxRenewals = 2;

/** The servers of one etcd, as one store. */
export class EtcdClient implements Disposable {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #credentials: EtcdClientOptions['credentials'];
  readonly #timeoutMs: number;
  readonly #log: Logger;
  #current = 0;
  /** The token of the current server; null: none yet, or none needed. */
  #token: Promise<string | null> | null = null;
  #closed = false;

  constructor(options: EtcdClientOptions) {
    this.#endpoints = options.addresses.map((address) => new EtcdEndpoint(address, options.tls));
    this.#credentials = options.credentials;
    this.#timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.#log = options.log;
  }

  /**
   * Does the operations at one revision, if the condition holds. Unconditional ones are tried at every server before
   * ETCD_UNAVAILABLE is thrown; a conditional one is sent once, since its second sending could find its own work.
   * Throws ETCD_REFUSED when a server answers that it will not.
   */
  async transact(
    operations: readonly EtcdOperation[],
    options: { readonly when?: KeyPair; readonly signal?: AbortSignal } = {},
  ): Promise<TransactionResult> {
    const { when = null, signal } = options;
    return await this.#attempt(when === null, signal, (endpoint, token) =>
      endpoint.transact(operations, when, { timeoutMs: this.#timeoutMs, signal, token }),
    );
  }

  /** What the ranges hold, all at one revision. Throws as `transact` does. */
  async read(ranges: readonly KeyRange[], signal?: AbortSignal): Promise<RangesState> {
    const { revision, reads } = await this.transact(
      ranges.map((range) => ({ read: range })),
      signal ? { signal } : {},
    );
    return { revision, ranges: reads };
  }

  /**
   * The state of the ranges now and whenever it has changed, until the signal aborts, whose reason is thrown. Events
   * are hints and state is read: so a lost connection, a compaction and a server that comes back with other content
   * are all the same case, and a reader that is slow sees the newest state next. Failures are retried with pauses of
   * `backoff` and logged once in a row.
   */
  async *follow(ranges: readonly KeyRange[], backoff: Backoff, signal: AbortSignal): AsyncGenerator<RangesState, void> {
    let last: RangesState | null = null;
    let silent = false;
    for (;;) {
      try {
        let state = await this.read(ranges, signal);
        if (silent) this.#log.info('etcd answers again');
        silent = false;
        backoff.reset();
        if (!last || !sameRanges(last, state)) yield state;
        last = state;
        for await (const revision of this.#changes(ranges, state.revision + 1n, signal)) {
          if (revision <= state.revision) continue;
          state = await this.read(ranges, signal);
          if (!sameRanges(last, state)) yield state;
          last = state;
        }
      } catch (error) {
        signal.throwIfAborted();
        if (!silent) this.#log.warn('a watch of etcd was lost; trying again', { error });
        silent = true;
      }
      await backoff.wait(signal);
    }
  }

  async *#changes(ranges: readonly KeyRange[], from: bigint, signal: AbortSignal): AsyncGenerator<bigint, void> {
    const endpoint = this.#endpoint();
    try {
      yield* endpoint.changes(ranges, from, { signal, token: await this.#authenticated(endpoint, signal) });
    } catch (thrown) {
      this.#abandon(endpoint, thrown);
      throw thrown;
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    for (const endpoint of this.#endpoints) endpoint[Symbol.dispose]();
  }

  async #attempt<T>(
    repeatable: boolean,
    signal: AbortSignal | undefined,
    call: (endpoint: EtcdEndpoint, token: string | null) => Promise<T>,
  ): Promise<T> {
    let renewals = 0;
    let failed = 0;
    for (;;) {
      signal?.throwIfAborted();
      const endpoint = this.#endpoint();
      try {
        return await call(endpoint, await this.#authenticated(endpoint, signal));
      } catch (thrown) {
        signal?.throwIfAborted();
        if (!(thrown instanceof EtcdFailure)) throw thrown;
        this.#abandon(endpoint, thrown);
        if (thrown.kind === 'refused') throw new KerneletError('ETCD_REFUSED', thrown.message, { cause: thrown });
        if (thrown.kind === 'token' && this.#credentials && renewals < maxRenewals) {
          renewals += 1;
          continue;
        }
        if (thrown.kind === 'token') throw new KerneletError('ETCD_REFUSED', thrown.message, { cause: thrown });
        failed += 1;
        // The connection may have died while it was idle: then the same server answers on a new one.
        const most = repeatable ? Math.max(this.#endpoints.length, thrown.late ? 1 : 2) : 1;
        if (failed >= most) throw new KerneletError('ETCD_UNAVAILABLE', thrown.message, { cause: thrown });
      }
    }
  }

  #endpoint(): EtcdEndpoint {
    const endpoint = this.#endpoints[this.#current];
    if (!endpoint || this.#closed) throw new KerneletError('ETCD_UNAVAILABLE', 'the connection to etcd is closed');
    return endpoint;
  }

  /** After a failure: another token, or the next server. Only once for one that many calls see fail together. */
  #abandon(endpoint: EtcdEndpoint, thrown: unknown): void {
    if (this.#endpoints[this.#current] !== endpoint || !(thrown instanceof EtcdFailure)) return;
    if (thrown.kind === 'refused') return;
    this.#token = null;
    if (thrown.kind === 'unavailable') this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  async #authenticated(endpoint: EtcdEndpoint, signal: AbortSignal | undefined): Promise<string | null> {
    if (!this.#credentials) return null;
    this.#token ??= this.#authenticate(endpoint, this.#credentials);
    const token = this.#token;
    try {
      return await token;
    } catch (thrown) {
      if (this.#token === token) this.#token = null;
      signal?.throwIfAborted();
      throw thrown;
    }
  }

  async #authenticate(
    endpoint: EtcdEndpoint,
    { user, password }: { readonly user: string; readonly password: string },
  ): Promise<string | null> {
    try {
      return await endpoint.authenticate(user, password, { timeoutMs: this.#timeoutMs });
    } catch (thrown) {
      // A server whose users were lost, or are not yet set up, serves everybody.
      if (thrown instanceof EtcdFailure && /authentication is not enabled/i.test(thrown.message)) return null;
      throw thrown;
    }
  }
}

function sameRanges(a: RangesState, b: RangesState): boolean {
  return a.ranges.every((pairs, index) => samePairs(pairs, b.ranges[index] ?? []));
}

function samePairs(a: readonly KeyPair[], b: readonly KeyPair[]): boolean {
  return a.length === b.length && a.every((pair, index) => samePair(pair, b[index]));
}

function samePair(a: KeyPair, b: KeyPair | undefined): boolean {
  return b !== undefined && Buffer.compare(a.key, b.key) === 0 && Buffer.compare(a.value, b.value) === 0;
}
