/**
 * How the schema of `agent.toml` is written down: one definition per key, from which come validation, defaults, JSON
 * Schema, the reference page and the types of values. It needs no schema library, so that loading settings is cheap.
 */
/** Why a value is refused. */
export class RefusedValue extends Error {
  override readonly name = 'RefusedValue';
}

/**
 * How a value is read from what a file or a variable holds, and how that looks in JSON Schema. Pure; a value that is
 * refused gives a message that goes on after the key and the value: "is not …".
 */
export interface ValueType<T> {
  /** What is accepted, for the reference and for errors: "a port, 1 to 65535". */
  readonly forms: string;
  /** Keywords of JSON Schema (draft 2020-12) for the forms that a file may hold. */
  readonly json: Readonly<Record<string, unknown>>;
  /** The value that is meant. Throws RefusedValue. */
  parse(value: unknown): T;
}

/** Makes a value type of a function that returns undefined for what it refuses. */
export function valueType<T>(
  forms: string,
  json: Readonly<Record<string, unknown>>,
  read: (value: unknown) => T | undefined,
): ValueType<T> {
  return {
    forms,
    json,
    parse(value) {
      const result = read(value);
      if (result === undefined) throw new RefusedValue(`is not ${forms}`);
      return result;
    },
  };
}

/** The same type, where null and a blank text mean that there is none. */
export function optional<T>(inner: ValueType<T>): ValueType<T | null> {
  return {
    forms: `${inner.forms}; blank for none`,
    json: { anyOf: [inner.json, { type: 'null' }, { const: '' }] },
    parse: (value) => (value === null || value === '' ? null : inner.parse(value)),
  };
}

/** Another name of a key in the same section. */
export interface KeyAlias {
  readonly name: string;
  /** Wins over the key itself, with a warning (deprecated names of old files). */
  readonly wins?: true;
}

/** What is known of a key beside its type. */
export interface KeyFacts {
  /** The default in the form of the file; null = none. */
  readonly default: unknown;
  /** One to three sentences for the reference. */
  readonly description: string;
  /** The environment variables that set it. */
  readonly environment?: readonly string[];
  readonly aliases?: readonly KeyAlias[];
  /** Must be set when there is an `[etcd]` section. */
  readonly requiredInCluster?: true;
  /** Its value is never shown. */
  readonly secret?: true;
}

/** A key with its type. */
export interface KeyDefinition<T> extends KeyFacts {
  readonly type: ValueType<T>;
}

/** A section; a dot in a key's name leads into a table within it. */
export interface SectionDefinition {
  readonly name: string;
  readonly description: string;
  readonly keys: Readonly<Record<string, KeyDefinition<unknown>>>;
}

/** The values of a section, by key. */
export type SectionValues<Section extends SectionDefinition> = {
  readonly [Key in keyof Section['keys']]: Section['keys'][Key] extends KeyDefinition<infer T> ? T : never;
};

/** Defines a key; the type of its value follows from `type`. */
export function key<T>(type: ValueType<T>, facts: KeyFacts): KeyDefinition<T> {
  return { type, ...facts };
}
