/**
 * Reads parsed JSON strictly, value by value: what is not exactly as wanted is an error that names its place. Pure.
 */

/** A value is not what is wanted there. */
export class JsonFormError extends Error {
  constructor(place: string, wanted: string) {
    super(`${place} is not ${wanted}`);
    this.name = 'JsonFormError';
  }
}

/** Reads one value, whose place is for errors. Throws JsonFormError. */
export type Reader<T> = (value: unknown, place: string) => T;

/** What a reader gives: the type of a form that is written down once, as its reader. */
export type TypeOf<R> = R extends Reader<infer T> ? T : never;

/** A text, also an empty one. */
export const text: Reader<string> = (value, place) => {
  if (typeof value !== 'string') throw new JsonFormError(place, 'a text');
  return value;
};
/** A number of at least 0. */
export const number: Reader<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw new JsonFormError(place, 'a number of 0 or more');
  }
  return value;
};
/** A whole number of at least 0. */
export const whole: Reader<number> = (value, place) => {
  if (!Number.isSafeInteger(value)) throw new JsonFormError(place, 'a whole number');
  return number(value, place);
};
/** A whole number that may be negative. */
export const signed: Reader<number> = (value, place) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw new JsonFormError(place, 'a whole number');
  return value;
};
/** A JSON boolean, and nothing that counts as one. */
export const truth: Reader<boolean> = (value, place) => {
  if (typeof value !== 'boolean') throw new JsonFormError(place, 'true or false');
  return value;
};
/** Something with a condition, which `wanted` says in words. */
export const such =
  <T>(read: Reader<T>, holds: (value: T) => boolean, wanted: string): Reader<T> =>
  (value, place) => {
    const result = read(value, place);
    if (!holds(result)) throw new JsonFormError(place, wanted);
    return result;
  };
/** What the reader takes, or null. */
export const nullable =
  <T>(read: Reader<T>): Reader<T | null> =>
  (value, place) =>
    value === null ? null : read(value, place);
/** A field that may be absent, as it is in what older writers wrote. */
export const newer =
  <T>(read: Reader<T>, absent: T): Reader<T> =>
  (value, place) =>
    value === undefined ? absent : read(value, place);
/** A list of one kind. */
export const list =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value, place) => {
    if (!Array.isArray(value)) throw new JsonFormError(place, 'a list');
    return value.map((item, index) => read(item, `${place}[${index}]`));
  };
/** What the reader takes, and something else in the place of what it does not take: for what is no harm when it is lost. */
export const otherwise =
  <T, Else>(read: Reader<T>, instead: Else): Reader<T | Else> =>
  (value, place) => {
    try {
      return read(value, place);
    } catch (error) {
      if (error instanceof JsonFormError) return instead;
      throw error;
    }
  };
/** A list without those of its items that are not of this kind. */
export const listOfThose =
  <T>(read: Reader<T>): Reader<readonly T[]> =>
  (value, place) =>
    list(otherwise<T, typeof leftOut>(read, leftOut))(value, place).flatMap((item) => (item === leftOut ? [] : [item]));
const leftOut = Symbol('left out');
/** Reads the text of a JSON document; null when it is none, or not as the reader wants it. */
export function readOrNull<T>(read: Reader<T>, json: string): T | null {
  try {
    return otherwise(read, null)(JSON.parse(json), 'the document');
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
/** One of a few words. */
export const oneOf =
  <const T extends string>(values: readonly T[]): Reader<T> =>
  (value, place) => {
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw new JsonFormError(place, `one of ${values.join(', ')}`);
    return found;
  };
/** Reads an object's fields one by one; unknown fields are left alone, so that what a newer version adds can be read. */
export const object =
  <T>(build: (field: <V>(name: string, read: Reader<V>) => V) => T): Reader<T> =>
  (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new JsonFormError(place, 'an object');
    const fields = new Map(Object.entries(value));
    return build((name, read) => read(fields.get(name), `${place}.${name}`));
  };

/** An object of these fields, in this order; unknown ones are left out. */
export const fields = <Readers extends Readonly<Record<string, Reader<unknown>>>>(
  readers: Readers,
): Reader<{ readonly [Name in keyof Readers]: TypeOf<Readers[Name]> }> =>
  object(
    (field) =>
      Object.fromEntries(Object.entries(readers).map(([name, read]) => [name, field(name, read)])) as {
        readonly [Name in keyof Readers]: TypeOf<Readers[Name]>;
      },
  );

/** A list of exactly two texts. */
export const pair: Reader<readonly [string, string]> = (value, place) => {
  const [name, content, ...rest] = list(text)(value, place);
  if (name === undefined || content === undefined || rest.length > 0) throw new JsonFormError(place, 'a pair');
  return [name, content];
};

/** A list of exactly three texts. */
export const triple: Reader<readonly [string, string, string]> = (value, place) => {
  const [first, second, third, ...rest] = list(text)(value, place);
  if (first === undefined || second === undefined || third === undefined || rest.length > 0) {
    throw new JsonFormError(place, 'a list of three');
  }
  return [first, second, third];
};

/** An object of any names whose values are of one kind. */
export const table =
  <T>(read: Reader<T>): Reader<Readonly<Record<string, T>>> =>
  (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new JsonFormError(place, 'an object');
    }
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, read(one, `${place}.${name}`)]));
  };
