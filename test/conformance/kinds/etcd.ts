/** Vectors of etcd: what logical writes leave in its keys, and what logical reads find. */
import { isDeepStrictEqual } from 'node:util';
import { NodeRegistry } from '../../../src/backendai/etcd/etcd-adapter.ts';
import {
  type KeySpace,
  type NestedTable,
  nestPairs,
  physicalKey,
  quoteComponent,
  readOrder,
  type Scope,
  unquoteComponent,
} from '../../../src/backendai/etcd/keys.ts';
import { ScopedStore } from '../../../src/backendai/etcd/scoped-store.ts';
import { systemClock as clock } from '../../../src/lib/clock.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { MemoryEtcd } from '../../support/cluster/memory-etcd.ts';
import { type CaseResult, isObject, itemsOf, type JsonObject, type VectorKind } from '../vector-kind.ts';

type Pairs = Readonly<Record<string, string>>;

/** Fields of a case that say what is in etcd or what a reading takes, and so are no checks of their own. */
const settings = new Set(['case', 'etcd', 'input', 'wrong', 'right']);

/** One case with what it takes to check it. */
class EtcdCase {
  readonly #fields: JsonObject;
  readonly #space: KeySpace;

  constructor(fields: JsonObject, space: KeySpace) {
    this.#fields = fields;
    this.#space = space;
  }

  /** What is wrong; null: nothing. */
  async problem(): Promise<string | null> {
    const fields = Object.keys(this.#fields).filter((field) => !settings.has(field));
    if (fields.length === 0 && !('etcd' in this.#fields)) return 'nothing in it can be checked';
    if (fields.length === 0) return await this.#slashes();
    for (const field of fields) {
      const [got, wanted] = await this.#check(field);
      const [plain, expected] = [JSON.parse(JSON.stringify(got ?? null)), wanted];
      if (isDeepStrictEqual(plain, expected)) continue;
      return `${field} is ${JSON.stringify(plain)}, not ${JSON.stringify(expected)}`;
    }
    return null;
  }

  async #check(field: string): Promise<readonly [got: unknown, wanted: unknown]> {
    const wanted = this.#fields[field];
    const { store } = this.#held();
    switch (field) {
      case 'etcd_after_starting':
      case 'etcd_after_running':
        return [await this.#registered(field === 'etcd_after_running'), wanted];
      case 'manager_reads': {
        const held = this.#held(this.#pairs('etcd_after_running')).store;
        return [await readings(wanted, (key) => held.get(key.replace(/ \(.*\)$/, ''), readOrder.global)), wanted];
      }
      case 'manager_get_prefix_nodes_agents':
        return [
          await this.#held(this.#pairs('etcd_after_running')).store.getTable('nodes/agents', readOrder.global),
          wanted,
        ];
      case 'agent_get_prefix_nodes_manager':
        return [await store.getTable('nodes/manager'), wanted];
      case 'agent_get_manager_status':
        return [await store.get('manager/status'), wanted];
      case 'read_back':
        return await this.#written(wanted);
      case 'pairs':
        return [
          (wanted as readonly [string, string][]).map(([plain]) => [
            unquoteComponent(quoteComponent(plain)),
            quoteComponent(plain),
          ]),
          wanted,
        ];
      case 'get_prefix':
        return [await readings(wanted, async (prefix) => await this.#prefix(prefix, wanted)), wanted];
      case 'get':
        return [await readings(wanted, (key) => store.get(key)), wanted];
      case 'merged':
        return [await store.getTable(this.#common()), wanted];
      case 'scope_NODE':
      case 'scope_SGROUP':
      case 'scope_GLOBAL': {
        const scopes: Readonly<Record<string, Scope>> = {
          scope_NODE: 'node',
          scope_SGROUP: 'group',
          scope_GLOBAL: 'global',
        };
        return [await store.getTable(this.#common(), readOrder[scopes[field] ?? 'global']), wanted];
      }
      case 'value':
        await store.put({ key: String(wanted) }, 'global');
        return [await store.get('key'), wanted];
      case 'after':
        return await this.#replaced(wanted);
      default:
        throw new Error(`the field ${field} is not known`);
    }
  }

  #held(pairs: Pairs = this.#pairs('etcd')): { readonly etcd: MemoryEtcd; readonly store: ScopedStore } {
    const etcd = new MemoryEtcd(pairs);
    return { etcd, store: new ScopedStore(etcd, this.#space) };
  }

  #pairs(field: string): Pairs {
    const pairs = this.#fields[field];
    return isObject(pairs) ? (pairs as Pairs) : {};
  }

  async #registered(running: boolean): Promise<unknown> {
    const { etcd, store } = this.#held({});
    const registry = new NodeRegistry({ store, clock, log });
    const { signal } = new AbortController();
    await registry.announce('starting', null, signal);
    const last = this.#pairs('etcd_after_running');
    const at = (key: string): string | undefined => last[physicalKey(this.#space, 'node', key)];
    const port = at('watcher_port');
    const facts = { ip: at('ip') ?? '', watcherPort: port === undefined ? null : Number(port) };
    if (running) await registry.announce('running', facts, signal);
    return Object.fromEntries(etcd.pairs);
  }

  /** What a table leaves in the keys, and what is read of them. */
  async #written(wanted: unknown): Promise<readonly [unknown, unknown]> {
    const { prefix, dict } = this.#fields['input'] as unknown as {
      readonly prefix: string;
      readonly dict: NestedTable;
    };
    const { etcd, store } = this.#held({});
    await store.putTable(prefix, dict, 'global');
    const got = { keys: Object.fromEntries([...etcd.pairs].sort()), table: await store.getTable(prefix) };
    return [got, { keys: Object.fromEntries(Object.entries(this.#pairs('etcd')).sort()), table: wanted }];
  }

  /**
   * What a plain reading of the prefix finds, as recorded; and our own reading must find the same but for siblings whose
   * names begin alike, which are none of it.
   */
  async #prefix(prefix: string, wanted: unknown): Promise<unknown> {
    const pairs = Object.entries(this.#pairs('etcd'));
    const whole = physicalKey(this.#space, 'global', prefix);
    const plain = nestPairs(
      pairs.filter(([key]) => key.startsWith(whole)),
      whole,
    );
    const folder = `${whole.replace(/\/$/, '')}/`;
    const own = nestPairs(
      pairs.filter(([key]) => key === whole || key.startsWith(folder)),
      whole,
    );
    const table = await this.#held().store.getTable(prefix, readOrder.global);
    const same = JSON.stringify(sorted(table)) === JSON.stringify(sorted(own));
    return same ? plain : { 'our reading': table, of: wanted };
  }

  async #replaced(wanted: unknown): Promise<readonly [unknown, unknown]> {
    const { store } = this.#held({ [physicalKey(this.#space, 'global', 'key')]: 'old' });
    const wrong = await store.replace('key', 'other', String(wanted), 'global');
    const right = await store.replace('key', 'old', String(wanted), 'global');
    const got = { wrong, right, after: await store.get('key') };
    return [got, { wrong: this.#fields['wrong'], right: this.#fields['right'], after: wanted }];
  }

  /** Keys that were given with a slash in front. */
  async #slashes(): Promise<string | null> {
    const { etcd, store } = this.#held({});
    const wanted = this.#pairs('etcd');
    for (const [key, value] of Object.entries(wanted)) {
      const node = physicalKey(this.#space, 'node', '');
      if (key.startsWith(`${node}/`)) await store.put({ [key.slice(node.length)]: value }, 'node');
      else await store.put({ [`/${key.slice(physicalKey(this.#space, 'global', '').length)}`]: value }, 'global');
    }
    const got = Object.fromEntries(etcd.pairs);
    return isDeepStrictEqual(got, wanted) ? null : `the keys are ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`;
  }

  /** The path of two components that the logical keys begin with, in whatever scope. */
  #common(): string {
    const [first = ''] = Object.keys(this.#pairs('etcd'));
    return first
      .slice(physicalKey(this.#space, 'global', '').length)
      .split('/')
      .slice(0, 2)
      .join('/');
  }
}

async function readings(wanted: unknown, read: (name: string) => Promise<unknown>): Promise<unknown> {
  const names = isObject(wanted) ? Object.keys(wanted) : [];
  const found = await Promise.all(names.map(async (name) => [name, (await read(name)) ?? null] as const));
  return Object.fromEntries(found);
}

function sorted(value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.entries(value)
    .map(([key, item]) => [key, sorted(item)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function spaceOf(document: JsonObject): KeySpace {
  const scopes = document['scopes'] as Readonly<Record<string, string>>;
  return {
    namespace: String(document['namespace']),
    agentId: (scopes['NODE'] ?? '').replace(/^nodes\/agents\//, ''),
    scalingGroup: (scopes['SGROUP'] ?? '').replace(/^sgroup\//, ''),
  };
}

export const etcd: VectorKind = {
  name: 'etcd',
  recognises: (document) =>
    isObject(document) && isObject(document['scopes']) && !!itemsOf(document, 'cases')?.every((one) => 'case' in one),
  async run(document) {
    if (!isObject(document)) return [];
    const space = spaceOf(document);
    const results: CaseResult[] = [];
    for (const fields of itemsOf(document, 'cases') ?? []) {
      const id = String(fields['case']);
      const problem = await new EtcdCase(fields, space).problem().catch((error: unknown) => `threw ${error}`);
      results.push({ id, problem });
    }
    return results;
  },
};

/** All keys of a namespace after an agent's start: its own must be those that a registration leaves. */
export const capturedEtcd: VectorKind = {
  name: 'captured etcd',
  recognises: (document) =>
    isObject(document) && Object.keys(document).length > 0 && Object.keys(document).every((key) => key.startsWith('/')),
  async run(document) {
    const pairs = Object.entries(document as Pairs);
    const own = pairs.filter(([key]) => /^\/sorna\/[^/]+\/nodes\/agents\//.test(key));
    const [, namespace = '', agentId = ''] = own[0]?.[0].match(/^\/sorna\/([^/]+)\/nodes\/agents\/([^/]+)\//) ?? [];
    const fields = { case: agentId, etcd_after_running: Object.fromEntries(own) };
    const problem = await new EtcdCase(fields, { namespace, agentId, scalingGroup: '' }).problem();
    return [{ id: agentId, problem }];
  },
};
