/** The calls that are under way, by peer: their number and bytes are bounded, and a cancellation finds its call. */
import type { RequestIdentity } from '../wire/callosum.ts';

/** How much may be under way. */
export interface CallLimits {
  readonly peerCalls: number;
  readonly calls: number;
  /** Of the requests' bytes. */
  readonly bytes: number;
}

/** A call that is under way. */
export class OpenCall {
  readonly peer: string;
  readonly identity: RequestIdentity;
  readonly bytes: number;
  /** Whether its reply has been sent: nothing more is. */
  answered = false;
  #controller: AbortController | null = null;

  constructor(peer: string, identity: RequestIdentity, bytes: number) {
    this.peer = peer;
    this.identity = identity;
    this.bytes = bytes;
  }

  /** Made when it is first asked for: most methods never look. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller ??= new AbortController();
    this.#controller.abort(reason);
  }
}

/** All calls under way, of all peers, within limits. */
export class OpenCalls {
  readonly #limits: CallLimits;
  readonly #peers = new Map<string, Set<OpenCall>>();
  #count = 0;
  #bytes = 0;
  /** Resolved when the last call closes. */
  #empty: PromiseWithResolvers<void> | null = null;

  constructor(limits: CallLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** Adds a call; null when there are too many. One call alone is taken whatever its size. */
  open(peer: string, identity: RequestIdentity, bytes: number): OpenCall | null {
    const calls = this.#peers.get(peer);
    if ((calls?.size ?? 0) >= this.#limits.peerCalls || this.#count >= this.#limits.calls) return null;
    if (this.#count > 0 && this.#bytes + bytes > this.#limits.bytes) return null;
    const call = new OpenCall(peer, identity, bytes);
    if (calls) calls.add(call);
    else this.#peers.set(peer, new Set([call]));
    this.#count += 1;
    this.#bytes += bytes;
    return call;
  }

  /** Takes out a call that has ended; one that is not open changes nothing. */
  close(call: OpenCall): void {
    const calls = this.#peers.get(call.peer);
    if (!calls?.delete(call)) return;
    if (calls.size === 0) this.#peers.delete(call.peer);
    this.#count -= 1;
    this.#bytes -= call.bytes;
    if (this.#count > 0) return;
    this.#empty?.resolve();
    this.#empty = null;
  }

  /** Resolves when no call is under way. */
  async settled(): Promise<void> {
    if (this.#count === 0) return;
    this.#empty ??= Promise.withResolvers();
    await this.#empty.promise;
  }

  /** The peer's call of this identity; the type of the order key counts. */
  find(peer: string, { method, orderKey, sequence }: RequestIdentity): OpenCall | null {
    for (const call of this.#peers.get(peer) ?? []) {
      const { identity } = call;
      if (identity.sequence === sequence && identity.method === method && sameKey(identity.orderKey, orderKey)) {
        return call;
      }
    }
    return null;
  }

  *[Symbol.iterator](): Iterator<OpenCall> {
    for (const calls of this.#peers.values()) yield* calls;
  }
}

function sameKey(left: string | Uint8Array, right: string | Uint8Array): boolean {
  if (typeof left === 'string' || typeof right === 'string') return left === right;
  return Buffer.compare(left, right) === 0;
}
