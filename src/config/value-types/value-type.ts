/**
 * A kind of value: how it is read from what a file or a variable holds, and how that looks in JSON Schema. Kinds are
 * pure; a value that they refuse gives a message that goes on after the key and the value: "is not …".
 */

/** Why a value is refused. */
export class RefusedValue extends Error {
  override readonly name = 'RefusedValue';
}

/** A kind of value. */
export interface ValueType<T> {
  /** What is accepted, for the reference and for errors: "a port, 1 to 65535". */
  readonly forms: string;
  /** Keywords of JSON Schema. */
  readonly json: Readonly<Record<string, unknown>>;
  /** Throws RefusedValue. */
  parse(value: unknown): T;
}

/** Makes a kind of a function that returns undefined for what it refuses. */
export function kind<T>(
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

/** The same kind, where null and a blank text mean that there is none. */
export function optional<T>(inner: ValueType<T>): ValueType<T | null> {
  return {
    forms: `${inner.forms}; blank for none`,
    json: { anyOf: [inner.json, { type: 'null' }, { const: '' }] },
    parse: (value) => (value === null || value === '' ? null : inner.parse(value)),
  };
}
