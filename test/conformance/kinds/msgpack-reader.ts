/** Just enough of MessagePack to look into vectors: maps, texts, whole numbers and nil. */

/** Reads one value. Throws at anything else, and when bytes are left over. */
export function readMsgpack(bytes: Buffer): unknown {
  let at = 0;
  const number = (size: number): number => {
    at += size;
    return bytes.readUIntBE(at - size, size);
  };
  const text = (length: number): string => {
    at += length;
    if (at > bytes.length) throw new Error('the bytes end within a text');
    return bytes.toString('utf8', at - length, at);
  };
  const map = (size: number): Map<unknown, unknown> =>
    new Map(Array.from({ length: size }, () => [value(), value()] as const));
  const value = (): unknown => {
    const head = number(1);
    if (head < 0x80) return head;
    if (head < 0x90) return map(head & 0x0f);
    if (head >= 0xa0 && head < 0xc0) return text(head & 0x1f);
    switch (head) {
      case 0xc0:
        return null;
      case 0xcc:
        return number(1);
      case 0xcd:
        return number(2);
      case 0xce:
        return number(4);
      case 0xd9:
        return text(number(1));
      case 0xda:
        return text(number(2));
      case 0xde:
        return map(number(2));
      default:
        throw new Error(`byte 0x${head.toString(16)} at ${at - 1} isn't known here`);
    }
  };
  const result = value();
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes are left over`);
  return result;
}
