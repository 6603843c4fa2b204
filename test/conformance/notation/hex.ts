/** Hexadecimal text of the vectors, read strictly: a damaged digit must not go unnoticed. */

/** The bytes. Throws when the text is not pairs of digits. */
export function fromHex(text: unknown): Uint8Array {
  if (typeof text !== 'string' || !/^(?:[0-9a-f]{2})*$/i.test(text)) {
    throw new Error(`${JSON.stringify(text)?.slice(0, 80)} is not hexadecimal`);
  }
  return Buffer.from(text, 'hex');
}
