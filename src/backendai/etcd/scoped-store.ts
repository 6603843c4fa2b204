/** The cluster's keys as the agent sees them: by scope, merged on reading (spec cluster-state 1.2 to 1.5). */
import { type Clock, systemClock } from '../../lib/clock.ts';
import { Backoff } from '../../lib/retry.ts';
import type { EtcdOperation, KeyPair, KeyRange } from './endpoint.ts';
import type { EtcdClient } from './etcd-client.ts';
import {
  flattenTable,
  type KeySpace,
  type NestedTable,
  nestPairs,
  overlayTables,
  physicalKey,
  prefixEnd,
  readOrder,
  type Scope,
} from './keys.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
const bytes = (value: string): Uint8Array => Buffer.from(value);

/** Where a read looks, in this order; `readOrder.node` is the merged scope. */
type ReadScopes = readonly Scope[];

/** A store whose keys belong to all clusters: one of them and its scopes are a prefix. */
export type EtcdStore = Pick<EtcdClient, 'read' | 'transact' | 'follow'>;

/** The store of one cluster for one agent. All calls throw as EtcdClient.transact does. */
export class ScopedStore {
  readonly #client: EtcdStore;
  #space: KeySpace;
  readonly #clock: Clock;

  constructor(client: EtcdStore, space: KeySpace, clock: Clock = systemClock) {
    this.#client = client;
    this.#space = space;
    this.#clock = clock;
  }

  /** Reads and writes in the scope of another group from now on. */
  moveTo(scalingGroup: string): void {
    this.#space = { ...this.#space, scalingGroup };
  }

  /** The value of the first scope that has the key; undefined when none has. An empty text is a value. */
  async get(key: string, scopes: ReadScopes = readOrder.node, signal?: AbortSignal): Promise<string | undefined> {
    const ranges = scopes.map((one) => ({ key: this.#key(one, key) }));
    const state = await this.#client.read(ranges, signal);
    const pair = state.ranges.find((pairs) => pairs.length > 0)?.[0];
    return pair && text(pair.value);
  }

  /** Everything at and below the path, the scopes laid over each other. */
  async getTable(path: string, scopes: ReadScopes = readOrder.node, signal?: AbortSignal): Promise<NestedTable> {
    const [table = {}] = await this.getTables([path], scopes, signal);
    return table;
  }

  /** Several paths at one revision. */
  async getTables(
    paths: readonly string[],
    scopes: ReadScopes = readOrder.node,
    signal?: AbortSignal,
  ): Promise<NestedTable[]> {
    const reading = this.#reading(paths, scopes);
    return reading.tables((await this.#client.read(reading.ranges, signal)).ranges);
  }

  /** The tables of the paths now and whenever they have changed, until the signal aborts, whose reason is thrown. */
  async *followTables(
    paths: readonly string[],
    signal: AbortSignal,
    scopes: ReadScopes = readOrder.node,
  ): AsyncGenerator<NestedTable[], void> {
    const reading = this.#reading(paths, scopes);
    const backoff = new Backoff({ initialMs: 500, maximumMs: 30_000, clock: this.#clock });
    for await (const { ranges } of this.#client.follow(reading.ranges, backoff, signal)) yield reading.tables(ranges);
  }

  /** Writes pairs of one scope at once. */
  async put(pairs: Readonly<Record<string, string>>, scope: Scope, signal?: AbortSignal): Promise<void> {
    await this.#write(
      Object.entries(pairs).map(([key, value]) => ({ put: this.#pair(scope, key, value) })),
      signal,
    );
  }

  /** Writes a table at once, every component quoted; the empty name stands for the folder itself. */
  async putTable(path: string, table: NestedTable, scope: Scope, signal?: AbortSignal): Promise<void> {
    await this.put(Object.fromEntries(flattenTable(path, table)), scope, signal);
  }

  /** Removes a key of one scope; an absent one is success. */
  async remove(key: string, scope: Scope, signal?: AbortSignal): Promise<void> {
    await this.#write([{ remove: { key: this.#key(scope, key) } }], signal);
  }

  /** Removes the key and everything below it, and nothing beside it. */
  async removeTable(path: string, scope: Scope, signal?: AbortSignal): Promise<void> {
    const folder = this.#key(scope, `${path}/`);
    await this.#write(
      [{ remove: { key: this.#key(scope, path) } }, { remove: { key: folder, end: prefixEnd(folder) } }],
      signal,
    );
  }

  /** Puts `next` if the value is `old`; answers whether it was. */
  async replace(key: string, old: string, next: string, scope: Scope, signal?: AbortSignal): Promise<boolean> {
    const when = this.#pair(scope, key, old);
    const put = this.#pair(scope, key, next);
    const result = await this.#client.transact([{ put }], { when, ...(signal ? { signal } : {}) });
    return result.succeeded;
  }

  async #write(operations: readonly EtcdOperation[], signal: AbortSignal | undefined): Promise<void> {
    await this.#client.transact(operations, signal ? { signal } : {});
  }

  #key(scope: Scope, key: string): Uint8Array {
    return bytes(physicalKey(this.#space, scope, key));
  }

  #pair(scope: Scope, key: string, value: string): KeyPair {
    return { key: this.#key(scope, key), value: bytes(value) };
  }

  /**
   * The ranges of some paths, and how to make tables of what they hold. A path's range begins at its slash, so that
   * siblings whose names begin alike don't leak in; its own value is read beside it.
   */
  #reading(paths: readonly string[], scopes: ReadScopes) {
    const reads = paths.flatMap((path) =>
      scopes.map((one) => {
        const bare = path.replace(/\/+$/, '');
        const folder = this.#key(one, bare === '' ? '' : `${bare}/`);
        const ranges: KeyRange[] = [{ key: folder, end: prefixEnd(folder) }];
        if (path !== '' && !path.endsWith('/')) ranges.push({ key: this.#key(one, path) });
        return { path, prefix: physicalKey(this.#space, one, bare), ranges };
      }),
    );
    return {
      ranges: reads.flatMap(({ ranges }) => ranges),
      tables: (held: readonly (readonly KeyPair[])[]): NestedTable[] => {
        let next = 0;
        const layers = new Map<string, NestedTable[]>(paths.map((path) => [path, []]));
        for (const { path, prefix, ranges } of reads) {
          const pairs = held.slice(next, next + ranges.length).flat();
          next += ranges.length;
          layers.get(path)?.push(
            nestPairs(
              pairs.map(({ key, value }) => [text(key), text(value)] as const),
              prefix,
            ),
          );
        }
        return paths.map((path) => overlayTables(layers.get(path) ?? []));
      },
    };
  }
}
