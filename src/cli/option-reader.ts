/** Typed reading of parsed options. A bad value is a UsageError that names the option. */
import { parseBitRate } from '../lib/bit-rate.ts';
import { parseByteSize } from '../lib/byte-size.ts';
import { parseDuration } from '../lib/duration.ts';
import { KerneletError } from '../lib/errors.ts';

/** A command line that cannot be understood: exit status 2. */
export class UsageError extends Error {
  /** What to do about it, when there is something better than the help. */
  readonly cure: string | undefined;

  constructor(message: string, cure?: string) {
    super(message);
    this.name = 'UsageError';
    this.cure = cure;
  }
}

/** Reads options by their long name without the dashes. */
export class OptionReader {
  readonly #values: Readonly<Record<string, unknown>>;

  /** `values` as commander gives them, with camel-case keys. */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  #raw(name: string): unknown {
    return this.#values[name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())];
  }

  /** Whether an option was given at all. */
  has(name: string): boolean {
    return this.#raw(name) !== undefined;
  }

  /** Whether a switch was given. */
  flag(name: string): boolean {
    return this.#raw(name) === true;
  }

  /** The text of an option. */
  text(name: string): string | undefined {
    const value = this.#raw(name);
    return typeof value === 'string' ? value : undefined;
  }

  /** The texts of an option that may be repeated. */
  list(name: string): readonly string[] {
    const value = this.#raw(name);
    return Array.isArray(value) ? value.map(String) : [];
  }

  /** One of a few words; commander has checked them. */
  choice<const Choice extends string>(name: string, choices: readonly Choice[]): Choice | undefined {
    const value = this.#raw(name);
    return choices.find((choice) => choice === value);
  }

  /** A size in bytes, above 0. */
  byteSize(name: string): number | undefined {
    return this.#positive(name, (text) => parseByteSize(text, `--${name}`));
  }

  /** A duration in milliseconds, above 0. */
  duration(name: string): number | undefined {
    return this.#positive(name, (text) => parseDuration(text, `--${name}`));
  }

  /** A rate in bits a second. */
  bitRate(name: string): number | undefined {
    return this.#positive(name, (text) => parseBitRate(text, `--${name}`));
  }

  /** A number, above 0. */
  number(name: string): number | undefined {
    return this.#positive(name, (text) => {
      if (!/^\d{1,15}(\.\d{1,9})?$/.test(text)) {
        throw new UsageError(`--${name} ${JSON.stringify(text.slice(0, 80))} is not a number such as 1 or 0.5`);
      }
      return Number(text);
    });
  }

  /** A whole number, not below `min`. */
  integer(name: string, { min }: { readonly min: number }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (/^\d{1,15}$/.test(text) && Number(text) >= min) return Number(text);
    throw new UsageError(`--${name} ${JSON.stringify(text.slice(0, 80))} is not a whole number from ${min} on`);
  }

  #positive(name: string, parse: (text: string) => number): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      const value = parse(text);
      if (value <= 0) throw new UsageError(`--${name} ${JSON.stringify(text)} must be above 0`);
      return value;
    } catch (error) {
      if (error instanceof KerneletError) throw new UsageError(error.message);
      throw error;
    }
  }
}
