/** Stands in for the package `@connectrpc/connect-node` in a simulated world: calls go to the cluster's etcd server. */
import { addAbortListener } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type Transport } from '@connectrpc/connect';
import {
  type TxnRequest,
  TxnRequestSchema,
  type WatchCreateRequest,
  WatchCreateRequestSchema,
  type WatchRequest,
  type WatchResponse,
} from '../../../src/backendai/etcd/etcd_pb.ts';
import { theMachine } from '../world/interposition.ts';
import type { Owner } from '../world/timeline.ts';
import type { EtcdServer, Watcher } from './etcd-server.ts';

/** The connection of one client to a server. */
export class Http2SessionManager {
  readonly #end = new AbortController();

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  abort(): void {
    this.#end.abort();
  }
}

const error = (code: Code, text: string): ConnectError => new ConnectError(text, code);

/** A transport for the process whose turn it is. */
export function createGrpcTransport({ sessionManager }: { readonly sessionManager: Http2SessionManager }): Transport {
  const { cluster, timeline } = theMachine();
  const calls = new EtcdCalls(cluster.etcd, timeline.current, sessionManager.signal);
  const head = { header: new Headers(), trailer: new Headers() };
  const transport = {
    unary: async (
      method: { parent: unknown },
      signal: AbortSignal | undefined,
      timeoutMs: number,
      _: unknown,
      input: object,
    ) => ({
      ...{ stream: false, service: method.parent, method, ...head },
      message: await calls.transact(create(TxnRequestSchema, input), timeoutMs, signal),
    }),
    stream: async (
      method: { parent: unknown },
      signal: AbortSignal,
      _timeoutMs: number,
      _header: unknown,
      input: AsyncIterable<WatchRequest>,
    ) => ({ ...{ stream: true, service: method.parent, method, ...head }, message: calls.watch(input, signal) }),
  };
  return transport as unknown as Transport;
}

/** The calls of one process. */
class EtcdCalls {
  readonly #server: EtcdServer;
  readonly #owner: Owner;
  readonly #session: AbortSignal;

  constructor(server: EtcdServer, owner: Owner, session: AbortSignal) {
    this.#server = server;
    this.#owner = owner;
    this.#session = session;
  }

  transact(request: TxnRequest, timeoutMs: number, signal: AbortSignal | undefined) {
    const isChange = request.success.some(({ request: one }) => one.case !== 'requestRange');
    return this.#call(isChange ? 'put' : 'read', { timeoutMs, signal }, () => this.#server.transact(request));
  }

  /** What changes in the ranges that are asked for, until the signal aborts or the server is gone. */
  async *watch(input: AsyncIterable<WatchRequest>, signal: AbortSignal): AsyncGenerator<WatchResponse, void> {
    const queue: (WatchResponse | ConnectError)[] = [];
    let wake = (): void => {};
    const push = (item: WatchResponse | ConnectError): void => {
      queue.push(item);
      wake();
    };
    const { timeline } = this.#server.service;
    const later = (item: WatchResponse | ConnectError): void =>
      void timeline.schedule(1, this.#owner, () => push(item));
    const asked = input[Symbol.asyncIterator]();
    const ranges = await requestsOf(asked);
    const watcher: Watcher = {
      ranges,
      tell: later,
      lose: () => later(error(Code.Unavailable, 'the server has ended the connection')),
    };
    using _session = addAbortListener(this.#session, () => push(error(Code.Canceled, 'the connection was closed')));
    using _caller = addAbortListener(signal, () => push(error(Code.Canceled, 'the watch was given up')));
    try {
      const from = ranges[0]?.startRevision ?? 0n;
      await this.#call('watch', { timeoutMs: 0, signal }, () => this.#server.watch(watcher, from));
      for (;;) {
        const item = queue.shift();
        if (item instanceof ConnectError) throw item;
        if (item) yield item;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#server.unwatch(watcher);
    }
  }

  #call<T>(
    name: string,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
    effect: () => T,
  ): Promise<T> {
    const { service } = this.#server;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    let isOver = false;
    const listeners = new DisposableStack();
    const end = (settle: () => void): void => {
      if (isOver) return;
      isOver = true;
      listeners.dispose();
      settle();
    };
    const fail = (code: Code, text: string): void => end(() => reject(error(code, text)));
    for (const one of [signal, this.#session]) {
      if (one?.aborted) fail(Code.Canceled, 'the call was given up');
      else if (one) listeners.use(addAbortListener(one, () => fail(Code.Canceled, 'the call was given up')));
    }
    if (timeoutMs > 0) {
      const late = service.timeline.schedule(timeoutMs, this.#owner, () => {
        fail(Code.DeadlineExceeded, 'the operation timed out');
      });
      listeners.defer(() => {
        late.run = null;
      });
    }
    service.send(name, { owner: this.#owner, isGone: () => isOver }, effect, (outcome) => {
      if (outcome.kind === 'done') end(() => resolve(outcome.value));
      else if (outcome.kind === 'refused') fail(Code.Unavailable, 'etcdserver: the simulated server refuses it');
      else fail(Code.Unavailable, 'the server has ended the connection');
    });
    return promise;
  }
}

/** The ranges of a watch: its requests are there when it begins, and the last one is followed by none. */
async function requestsOf(asked: AsyncIterator<WatchRequest>): Promise<readonly WatchCreateRequest[]> {
  const ranges: WatchCreateRequest[] = [];
  for (;;) {
    const next = await Promise.race([asked.next(), nothingSoon()]);
    if (next === null || next.done) return ranges;
    const { value } = next.value.requestUnion;
    if (value) ranges.push(create(WatchCreateRequestSchema, value));
  }
}

/** Resolves when what is there at once has come. */
async function nothingSoon(): Promise<null> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  return null;
}
