/** The keys by which people leave a terminal and its program goes on, as Docker writes them: `ctrl-p,ctrl-q`. Pure. */
import { UsageError } from './option-reader.ts';

/** Those that Docker takes when nobody names any. */
const usualKeys = 'ctrl-p,ctrl-q';
const controls = '@abcdefghijklmnopqrstuvwxyz[\\]^_';

/** Reads such keys; an empty text means none. Throws UsageError. */
export function parseDetachKeys(text: string = usualKeys): Uint8Array {
  const names = text === '' ? [] : text.split(',');
  return Uint8Array.from(names, (name) => {
    const control = /^ctrl-(.)$/.exec(name)?.[1];
    const code = control === undefined ? name.charCodeAt(0) : controls.indexOf(control);
    const isKey = control === undefined ? name.length === 1 && code < 0x80 : code >= 0;
    if (!isKey)
      throw new UsageError(`--detach-keys: ${JSON.stringify(name)} is neither a character nor ctrl- with one`);
    return code;
  });
}

/** Looks for the keys in what is typed. What may be their beginning is held back until it is not. */
export class DetachKeys {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What goes to the program of these bytes, and whether the keys were among them; what comes behind is nobody's. */
  take(bytes: Uint8Array): { readonly typed: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { typed: bytes, detached: false };
    const typed: number[] = [];
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        typed.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
        if (byte !== this.#keys[0]) typed.push(byte);
      }
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      if (this.#matched === this.#keys.length) return { typed: Uint8Array.from(typed), detached: true };
    }
    return { typed: Uint8Array.from(typed), detached: false };
  }
}
