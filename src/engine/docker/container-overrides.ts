/**
 * The operator's own fields of containers, in the engine's words: `agent-docker-container-opts.json` (spec config-and-ops 6).
 * They are read again for every container, so that a change needs no restart; a file that cannot be used is logged once
 * and left out (spec kernel-lifecycle B27).
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../lib/log.ts';
import { systemErrorCode } from '../../lib/system-error.ts';

type Overrides = Readonly<Record<string, unknown>>;

const fileName = 'agent-docker-container-opts.json';
const maxBytes = 2 ** 20;
/** Fields of requests that are maps and lists: anything else in their place would break every container. */
const maps = [
  'HostConfig',
  'NetworkingConfig',
  'Labels',
  'ExposedPorts',
  'HostConfig.PortBindings',
  'HostConfig.LogConfig',
];
const lists = [
  'Env',
  'Cmd',
  'Entrypoint',
  'HostConfig.Mounts',
  'HostConfig.Binds',
  'HostConfig.Ulimits',
  'HostConfig.Devices',
];
const moreLists = ['HostConfig.CapAdd', 'HostConfig.CapDrop', 'HostConfig.SecurityOpt', 'HostConfig.ExtraHosts'];

/** Answers what the files in these folders say together now, the later ones last; undefined when there is none. Never rejects. */
export function containerOverrides(folders: readonly string[], log: Logger): () => Promise<Overrides | undefined> {
  const logged = new Map<string, string>();
  const read = async (path: string): Promise<Overrides | null> => {
    try {
      const overrides = parseOverrides(await readFile(path, 'utf8'));
      logged.delete(path);
      return overrides;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return null;
      const problem = error instanceof Error ? error.message : String(error);
      if (logged.get(path) !== problem)
        log.error('the options of containers in a file are left out', { path, problem });
      logged.set(path, problem);
      return null;
    }
  };
  return async () => {
    const found = await Promise.all(folders.map((folder) => read(join(folder, fileName))));
    const all = found.filter((overrides) => overrides !== null);
    if (all.length === 0) return undefined;
    return all.reduce((merged, one) => mergeOverrides(merged, one) as Overrides, {});
  };
}

function parseOverrides(text: string): Overrides {
  if (text.length > maxBytes) throw new Error(`it has more than ${maxBytes} characters`);
  const value: unknown = JSON.parse(text);
  if (!isMap(value)) throw new Error('it is not an object');
  for (const path of maps) if (!isAt(value, path, isMap)) throw new Error(`${path} is not an object`);
  for (const path of [...lists, ...moreLists])
    if (!isAt(value, path, Array.isArray)) throw new Error(`${path} is not a list`);
  return value;
}

/** Whether what lies at a path, if anything, is of the form. */
function isAt(value: Overrides, path: string, form: (value: unknown) => boolean): boolean {
  const [first = '', ...rest] = path.split('.');
  const found = value[first];
  if (found === undefined) return true;
  if (rest.length === 0) return form(found);
  return !isMap(found) || isAt(found, rest.join('.'), form);
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Lays an operator's fields over a request (spec kernel-lifecycle 7.2, merge order), as a new value: maps merge key by key, lists are joined (of limits with one name the later stays), everything else is replaced. Neither argument is changed, and a
 * `__proto__` key of the overrides is left out.
 */
export function mergeOverrides(base: object, overrides: Readonly<Record<string, unknown>>): object {
  const merged = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(overrides)) {
    if (key !== '__proto__') merged.set(key, mergeValue(merged.get(key), value));
  }
  return Object.fromEntries(merged);
}

function mergeValue(base: unknown, value: unknown): unknown {
  if (isMap(value)) return mergeOverrides(isMap(base) ? base : {}, value);
  if (Array.isArray(value)) return lastOfEachName([...(Array.isArray(base) ? base : []), ...structuredClone(value)]);
  return value;
}

/** Runtimes refuse two limits (`Ulimits`) with one name, and no other list has names. */
function lastOfEachName(list: readonly unknown[]): readonly unknown[] {
  const nameOf = (one: unknown): unknown => (isMap(one) ? one['Name'] : undefined);
  return list.filter((one, index) => {
    const name = nameOf(one);
    return name === undefined || list.findLastIndex((later) => nameOf(later) === name) === index;
  });
}
