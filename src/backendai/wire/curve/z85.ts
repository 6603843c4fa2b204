/** Z85: 32-byte keys as 40 characters that survive configuration files (ZeroMQ RFC 32). */
const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const keyForm = /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/;

/** Whether a text looks like a key of 32 bytes. */
export function isZ85Key(text: string): boolean {
  return keyForm.test(text) && decodeZ85(text) !== null;
}

/** The bytes of a text of groups of five; null when it is none. */
export function decodeZ85(text: string): Uint8Array | null {
  if (text.length % 5 !== 0) return null;
  const bytes = Buffer.alloc((text.length / 5) * 4);
  for (let group = 0; group * 5 < text.length; group += 1) {
    let value = 0;
    for (const character of text.slice(group * 5, group * 5 + 5)) {
      const digit = alphabet.indexOf(character);
      if (digit < 0) return null;
      value = value * 85 + digit;
    }
    if (value > 0xffff_ffff) return null;
    bytes.writeUInt32BE(value, group * 4);
  }
  return bytes;
}
