/**
 * How the schema of `agent.toml` is written down: one definition per key, from which come validation, defaults, JSON
 * Schema, the reference page and the types of values. It needs no schema library, so that loading settings is cheap.
 */
import type { ValueType } from './value-types/value-type.ts';

/** Another name of a key in the same section. */
export interface KeyAlias {
  readonly name: string;
  /** Wins over the key itself, with a warning (deprecated names of old files). */
  readonly wins?: true;
}

/** What is known of a key beside its kind. */
export interface KeyFacts {
  /** The default in the form of the file; null = none. */
  readonly default: unknown;
  /** One to three sentences for the reference. */
  readonly description: string;
  /** `none-yet`: nothing reads it so far; `ignored`: accepted so that existing files work. Both warn when set. */
  readonly effect?: 'none-yet' | 'ignored';
  /** The environment variables that set it. */
  readonly environment?: readonly string[];
  readonly aliases?: readonly KeyAlias[];
  /** Must be given when there is an `[etcd]` section. */
  readonly requiredInCluster?: true;
  /** Its value is never shown. */
  readonly secret?: true;
}

/** A key with its kind. */
export interface KeyDefinition<T> extends KeyFacts {
  readonly kind: ValueType<T>;
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

/** Defines a key. */
export function key<T>(kind: ValueType<T>, facts: KeyFacts): KeyDefinition<T> {
  return { kind, ...facts };
}
