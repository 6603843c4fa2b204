/**
 * One etcd server: the only module that knows the gRPC client. Every call has a deadline and every failure says whether
 * another try, another server or another token can help.
 */
import { addAbortListener, once } from 'node:events';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { systemClock } from '../../lib/clock.ts';
import { Auth, KV, Watch, type WatchResponse } from './etcd_pb.ts';

/** Certificates of a TLS connection, as PEM. */
export interface EtcdTls {
  /** Who may sign the servers' certificates; null: the usual authorities. */
  readonly authority: string | null;
  /** What the agent shows of itself. */
  readonly certificate: string | null;
  readonly key: string | null;
}

/** What a call carries beside its request. */
export interface EtcdCall {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** null: unauthenticated. */
  readonly token: string | null;
}

/**
 * `unavailable`: the server gives no answer now; what was asked may have been done. `token`: authenticate again.
 * `refused`: asking again gives the same.
 */
export type EtcdFailureKind = 'unavailable' | 'token' | 'refused';

/** A call that failed; `kind` says what can help. */
export class EtcdFailure extends Error {
  override readonly name = 'EtcdFailure';
  readonly kind: EtcdFailureKind;
  /** Whether its deadline ended the call. */
  readonly late: boolean;

  constructor(kind: EtcdFailureKind, message: string, options: { cause?: unknown; late?: boolean } = {}) {
    super(message, { cause: options.cause });
    this.kind = kind;
    this.late = options.late ?? false;
  }
}

/** From `key` (inclusive) to `end` (exclusive); no end: that key alone. */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly end?: Uint8Array;
}

/** A key with its value. */
export interface KeyPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** One thing that a transaction does. */
export type EtcdOperation = { readonly read: KeyRange } | { readonly put: KeyPair } | { readonly remove: KeyRange };

/** What became of a transaction. */
export interface TransactionResult {
  readonly revision: bigint;
  /** Whether the condition held; without one, true. */
  readonly succeeded: boolean;
  /** For each read in turn, what was there. */
  readonly reads: readonly (readonly KeyPair[])[];
}

const pingIntervalMs = 10_000;
/** A server that takes five seconds for everything is slow, not dead. */
const pingTimeoutMs = 8_000;
/** How long a server may take to say that a watch has begun; it may then keep silent for as long as nothing changes. */
const beginTimeoutMs = 10_000;
/** Far more than an agent reads at once; a bound on what a server can make it hold. */
const maxBytes = 16 * 1024 * 1024;

/** A server, connected to when it is first called. */
export class EtcdEndpoint implements Disposable {
  readonly address: string;
  readonly #session: Http2SessionManager;
  readonly #kv: Client<typeof KV>;
  readonly #auth: Client<typeof Auth>;
  readonly #watch: Client<typeof Watch>;

  /** `address`: `host:port`. */
  constructor(address: string, tls: EtcdTls | null) {
    this.address = address;
    const baseUrl = `${tls ? 'https' : 'http'}://${address}`;
    // Pings run while a stream is open; an idle connection is verified before it is used, and pings on one without
    // streams are an offence in etcd's eyes.
    this.#session = new Http2SessionManager(baseUrl, { pingIntervalMs, pingTimeoutMs }, tlsOptions(tls));
    const transport = createGrpcTransport({
      baseUrl,
      sessionManager: this.#session,
      acceptCompression: [],
      readMaxBytes: maxBytes,
    });
    this.#kv = createClient(KV, transport);
    this.#auth = createClient(Auth, transport);
    this.#watch = createClient(Watch, transport);
  }

  /** A token for later calls. Throws EtcdFailure. */
  async authenticate(name: string, password: string, call: Omit<EtcdCall, 'token'>): Promise<string> {
    const options = callOptions({ ...call, token: null });
    return await this.#guard(async () => (await this.#auth.authenticate({ name, password }, options)).token);
  }

  /** Does all operations at one revision if the value of `when.key` is `when.value`. Throws EtcdFailure. */
  async transact(
    operations: readonly EtcdOperation[],
    when: KeyPair | null,
    call: EtcdCall,
  ): Promise<TransactionResult> {
    const compare = when
      ? [{ target: 3, result: 0, key: when.key, targetUnion: { case: 'value' as const, value: when.value } }]
      : [];
    const request = { compare, success: operations.map(toRequest) };
    return await this.#guard(async () => {
      const reply = await this.#kv.txn(request, callOptions(call));
      const reads = reply.responses.flatMap(({ response }) =>
        response.case === 'responseRange' ? [response.value.kvs.map(({ key, value }) => ({ key, value }))] : [],
      );
      return { revision: reply.header?.revision ?? 0n, succeeded: reply.succeeded, reads };
    });
  }

  /**
   * The revisions at which something in the ranges has changed, from `fromRevision` on, until the signal aborts. Throws
   * EtcdFailure when the server ends it or is gone.
   */
  async *changes(
    ranges: readonly KeyRange[],
    fromRevision: bigint,
    call: { readonly signal: AbortSignal; readonly token: string | null },
  ): AsyncGenerator<bigint, void> {
    // A signal of this watch alone: the client's listeners go with it.
    const attempt = new AbortController();
    using _listener = addAbortListener(call.signal, () => attempt.abort(call.signal.reason));
    const requests = createRequests(ranges, fromRevision, attempt.signal);
    const seconds = beginTimeoutMs / 1000;
    const late = new EtcdFailure('unavailable', `etcd at ${this.address} has not begun a watch within ${seconds} s`);
    using unbegun = systemClock.after(beginTimeoutMs, () => attempt.abort(late));
    try {
      const options = callOptions({ timeoutMs: 0, signal: attempt.signal, token: call.token });
      // A server that is cut off from the others ends the watch instead of keeping silent.
      options.headers['hasleader'] = 'true';
      for await (const reply of this.#watch.watch(requests, options)) {
        unbegun[Symbol.dispose]();
        refuseCancelled(reply);
        if (reply.events.length > 0) yield reply.header?.revision ?? 0n;
      }
    } catch (thrown) {
      throw attempt.signal.reason === late ? late : this.#failure(thrown);
    } finally {
      attempt.abort();
    }
    throw new EtcdFailure('unavailable', `etcd at ${this.address} has ended a watch`);
  }

  /** Closes the connection; a later call opens a new one. */
  [Symbol.dispose](): void {
    this.#session.abort();
  }

  async #guard<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  #failure(thrown: unknown): EtcdFailure {
    if (thrown instanceof EtcdFailure) return thrown;
    const { code, rawMessage } = ConnectError.from(thrown);
    const text = `etcd at ${this.address}: ${rawMessage}`;
    if (code === Code.Unauthenticated || /invalid auth token|auth store is old|user name is empty/i.test(rawMessage)) {
      return new EtcdFailure('token', text, { cause: thrown });
    }
    const late = code === Code.DeadlineExceeded;
    return new EtcdFailure(transient.has(code) ? 'unavailable' : 'refused', text, { cause: thrown, late });
  }
}

/** A dying server ends calls with any of these. */
const transient = new Set<Code>([
  Code.Unavailable,
  Code.DeadlineExceeded,
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
  Code.ResourceExhausted,
]);

function tlsOptions(tls: EtcdTls | null): Record<string, string> {
  const { authority, certificate, key } = tls ?? { authority: null, certificate: null, key: null };
  return {
    ...(authority === null ? {} : { ca: authority }),
    ...(certificate === null ? {} : { cert: certificate }),
    ...(key === null ? {} : { key }),
  };
}

function callOptions({ timeoutMs, signal, token }: EtcdCall) {
  const headers: Record<string, string> = token === null ? {} : { token };
  return { timeoutMs, ...(signal ? { signal } : {}), headers };
}

function toRequest(operation: EtcdOperation) {
  if ('read' in operation) {
    return { request: { case: 'requestRange' as const, value: rangeOf(operation.read) } };
  }
  if ('put' in operation) return { request: { case: 'requestPut' as const, value: { ...operation.put } } };
  return { request: { case: 'requestDeleteRange' as const, value: rangeOf(operation.remove) } };
}

function rangeOf({ key, end }: KeyRange) {
  return { key, ...(end ? { rangeEnd: end } : {}) };
}

/** The requests of a watch. The stream stays open as long as this generator does not end. */
async function* createRequests(ranges: readonly KeyRange[], startRevision: bigint, signal: AbortSignal) {
  for (const range of ranges) {
    const value = { ...rangeOf(range), startRevision };
    yield { requestUnion: { case: 'createRequest' as const, value } };
  }
  if (!signal.aborted) await once(signal, 'abort');
}

function refuseCancelled(reply: WatchResponse): void {
  if (!reply.canceled) return;
  const compacted = reply.compactRevision > 0n ? `, compacted at ${reply.compactRevision}` : '';
  throw new EtcdFailure('unavailable', `etcd has cancelled a watch: ${reply.cancelReason || 'no reason'}${compacted}`);
}
