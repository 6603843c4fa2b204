/** The etcd server of a simulated cluster: keys at their revisions, and who watches them. */
import { create } from '@bufbuild/protobuf';
import {
  type RangeRequest,
  type RequestOp,
  type ResponseOp,
  ResponseOpSchema,
  type TxnRequest,
  type TxnResponse,
  TxnResponseSchema,
  type WatchCreateRequest,
  type WatchResponse,
  WatchResponseSchema,
} from '../../../src/backendai/etcd/etcd_pb.ts';
import type { RemoteService } from './remote-service.ts';

/** Told of changes of what it watches, until it is dropped. */
export interface Watcher {
  readonly ranges: readonly Pick<WatchCreateRequest, 'key' | 'rangeEnd'>[];
  readonly tell: (response: WatchResponse) => void;
  readonly lose: () => void;
}

type Range = Pick<RangeRequest, 'key' | 'rangeEnd'>;

/** One server, which is the whole etcd of its cluster. */
export class EtcdServer {
  readonly service: RemoteService;
  readonly #pairs = new Map<string, Uint8Array>();
  #revision = 1n;
  readonly #changes: { readonly revision: bigint; readonly key: string }[] = [];
  readonly #watchers = new Set<Watcher>();

  constructor(service: RemoteService) {
    this.service = service;
  }

  /** What it holds, as texts. */
  get pairs(): ReadonlyMap<string, string> {
    return new Map([...this.#pairs].map(([key, value]) => [key, Buffer.from(value).toString()]));
  }

  /** Somebody else than the agent puts keys. */
  settle(pairs: Readonly<Record<string, string>>): void {
    for (const [key, value] of Object.entries(pairs)) this.#put(key, Buffer.from(value));
  }

  /** Ends it; `empties`: what it knew is gone. */
  stop({ empties }: { readonly empties: boolean }): void {
    this.service.stop();
    for (const watcher of [...this.#watchers]) watcher.lose();
    this.#watchers.clear();
    if (!empties) return;
    this.#pairs.clear();
    this.#changes.length = 0;
    this.#revision = 1n;
  }

  transact({ compare, success }: TxnRequest): TxnResponse {
    const succeeded = compare.every(({ key, targetUnion: { value } }) => {
      const held = this.#pairs.get(textOf(key));
      return held !== undefined && value !== undefined && Buffer.compare(held, value) === 0;
    });
    const responses = (succeeded ? success : []).map((operation) => this.#apply(operation));
    return create(TxnResponseSchema, { header: { revision: this.#revision }, succeeded, responses });
  }

  /** Tells of changes from a revision on. */
  watch(watcher: Watcher, from: bigint): void {
    this.#watchers.add(watcher);
    watcher.tell(create(WatchResponseSchema, { created: true, header: { revision: this.#revision } }));
    const missed = this.#changes.filter((one) => one.revision >= from && isWithin(watcher.ranges, one.key));
    for (const { revision, key } of missed) watcher.tell(changed(revision, key));
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  #apply({ request }: RequestOp): ResponseOp {
    switch (request.case) {
      case 'requestRange': {
        const value = { kvs: this.#within(request.value) };
        return create(ResponseOpSchema, { response: { case: 'responseRange', value } });
      }
      case 'requestPut':
        this.#put(textOf(request.value.key), request.value.value);
        return create(ResponseOpSchema, { response: { case: 'responsePut', value: {} } });
      case 'requestDeleteRange':
        for (const { key } of this.#within(request.value)) this.#remove(textOf(key));
        return create(ResponseOpSchema, { response: { case: 'responseDeleteRange', value: {} } });
      default:
        throw new Error('an operation of the agent is none');
    }
  }

  #within(range: Range): { readonly key: Uint8Array; readonly value: Uint8Array }[] {
    return [...this.#pairs]
      .filter(([key]) => isWithin([range], key))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key: Buffer.from(key), value }));
  }

  #put(key: string, value: Uint8Array): void {
    this.#pairs.set(key, value);
    this.#change(key);
  }

  #remove(key: string): void {
    this.#pairs.delete(key);
    this.#change(key);
  }

  #change(key: string): void {
    this.#revision += 1n;
    const revision = this.#revision;
    this.#changes.push({ revision, key });
    for (const watcher of this.#watchers) if (isWithin(watcher.ranges, key)) watcher.tell(changed(revision, key));
  }
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

const changed = (revision: bigint, key: string): WatchResponse =>
  create(WatchResponseSchema, { header: { revision }, events: [{ type: 0, kv: { key: Buffer.from(key) } }] });

/** A range without an end is one key. */
function isWithin(ranges: readonly Range[], key: string): boolean {
  const bytes = Buffer.from(key);
  return ranges.some((range) => {
    const order = Buffer.compare(bytes, range.key);
    return range.rangeEnd.length === 0 ? order === 0 : order >= 0 && Buffer.compare(bytes, range.rangeEnd) < 0;
  });
}
