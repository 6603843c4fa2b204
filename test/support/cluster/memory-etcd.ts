/** A key space in memory that does what etcd does with transactions. */
import type { EtcdOperation, KeyPair, KeyRange } from '../../../src/backendai/etcd/endpoint.ts';
import type { EtcdStore } from '../../../src/backendai/etcd/scoped-store.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

export class MemoryEtcd implements EtcdStore {
  readonly pairs: Map<string, string>;
  #revision = 1n;

  constructor(pairs: Readonly<Record<string, string>> = {}) {
    this.pairs = new Map(Object.entries(pairs));
  }

  async transact(operations: readonly EtcdOperation[], { when }: { readonly when?: KeyPair } = {}) {
    const succeeded = !when || this.pairs.get(text(when.key)) === text(when.value);
    const reads: KeyPair[][] = [];
    for (const operation of succeeded ? operations : []) {
      if ('read' in operation) reads.push(this.#within(operation.read));
      else if ('put' in operation) this.pairs.set(text(operation.put.key), text(operation.put.value));
      else for (const { key } of this.#within(operation.remove)) this.pairs.delete(text(key));
    }
    this.#revision += 1n;
    return { revision: this.#revision, succeeded, reads };
  }

  async read(ranges: readonly KeyRange[]) {
    const { revision, reads } = await this.transact(ranges.map((range) => ({ read: range })));
    return { revision, ranges: reads };
  }

  /** The state of now, and no more. */
  async *follow(ranges: readonly KeyRange[]) {
    yield await this.read(ranges);
  }

  #within({ key, end }: KeyRange): KeyPair[] {
    const pairs = [...this.pairs].map(([name, value]) => ({ key: Buffer.from(name), value: Buffer.from(value) }));
    return pairs.filter((pair) => {
      const order = Buffer.compare(pair.key, key);
      return end ? order >= 0 && Buffer.compare(pair.key, end) < 0 : order === 0;
    });
  }
}
