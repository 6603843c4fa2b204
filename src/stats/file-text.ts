/**
 * Reading numbers off the texts of cgroup and `/proc` files. What is empty, cut off or not of the expected form is an
 * UnexpectedText, never a number. Pure.
 */

/** A file did not say what files of its name say; the message names the file. */
export class UnexpectedText extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnexpectedText';
  }
}

/** Throws UnexpectedText unless the text ends with a line's end, as every file of the kernel does: else it is cut off. */
export function whole(text: string, file: string): string {
  if (text.endsWith('\n')) return text;
  throw new UnexpectedText(text === '' ? `${file} is empty` : `${file} is cut off`);
}

/** The number that is all of a file. */
export function onlyNumber(text: string, file: string): number {
  return toNumber(whole(text, file).slice(0, -1), file);
}

/** The number that is all of a file, or null for `max`. */
export function numberOrMax(text: string, file: string): number | null {
  return text === 'max\n' ? null : onlyNumber(text, file);
}

/** The number after `key` at the start of a line, or null when no line begins so. */
export function keyedNumber(text: string, key: string, file: string): number | null {
  whole(text, file);
  const start = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `) + 1;
  if (start === 0 && !text.startsWith(`${key} `)) return null;
  const begin = start + key.length + 1;
  return toNumber(text.slice(begin, text.indexOf('\n', begin)), file);
}

/** Like `keyedNumber`, of a line that must be there. */
export function neededNumber(text: string, key: string, file: string): number {
  const number = keyedNumber(text, key, file);
  if (number === null) throw new UnexpectedText(`${file} has no line ${key}`);
  return number;
}

/** A number of digits alone, also above 2^53, where it loses its last digits. */
export function toNumber(digits: string, file: string): number {
  if (!/^\d{1,20}$/.test(digits))
    throw new UnexpectedText(`${file} has ${JSON.stringify(digits.slice(0, 40))} for a number`);
  return Number(digits);
}
