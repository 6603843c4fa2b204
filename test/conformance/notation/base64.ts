/** Base64 text of the vectors, read strictly: a damaged letter must not go unnoticed. */

/** The bytes. Throws when the text is no base64 in its one canonical form. */
export function fromBase64(text: unknown): Uint8Array {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64') : null;
  if (bytes === null || bytes.toString('base64') !== text) {
    throw new Error(`${JSON.stringify(text)?.slice(0, 80)} is not base64`);
  }
  return bytes;
}
