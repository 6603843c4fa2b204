/** ZeroMQ certificate files as upstream writes and reads them (spec rpc 4.1). */
import { timingSafeEqual } from 'node:crypto';

/** The keys of a certificate, in Z85. */
export interface Certificate {
  readonly publicKey: string;
  readonly secretKey: string | null;
}

/** A text that is no certificate. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Reads a certificate. Throws CertificateError, which repeats no part of a secret. */
export function parseCertificate(text: string): Certificate {
  let publicKey: string | null = null;
  let secretKey: string | null = null;
  for (const line of text.split(/\r?\n/).map((part) => part.trim())) {
    if (line.startsWith('public-key')) publicKey = keyOf(line, 'public-key');
    else if (line.startsWith('secret-key')) secretKey = keyOf(line, 'secret-key');
  }
  if (publicKey === null) throw new CertificateError('no public-key line was found');
  return { publicKey, secretKey };
}

/** Writes a certificate; with its secret part when there is one. */
export function formatCertificate({ publicKey, secretKey }: Certificate): string {
  const what = secretKey === null ? 'public' : 'secret';
  const lines = [
    `# kernelet RPC certificate, ${what} part`,
    '',
    'metadata',
    'curve',
    `    public-key = "${publicKey}"`,
  ];
  if (secretKey !== null) lines.push(`    secret-key = "${secretKey}"`);
  return `${lines.join('\n')}\n`;
}

/** The key behind the first `=`: Z85 itself may hold `=` and `#`. */
function keyOf(line: string, name: string): string {
  const equals = line.indexOf('=');
  const key = equals < 0 ? '' : line.slice(equals + 1).replaceAll(/^[ \t'"]+|[ \t'"]+$/g, '');
  if (!isZ85Key(key)) throw new CertificateError(`${name} is not 40 characters of Z85`);
  return key;
}

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

/** The domain that agents and managers use. */
export const zapDomain = 'local';

const version = '1.0';
const user = 'manager';

/** The reply to a ZAP request: admits a CURVE client whose key is one of `allowedKeys` (32 bytes each). */
export function answerZap(request: readonly Uint8Array[], allowedKeys: readonly Uint8Array[]): readonly Uint8Array[] {
  const [asked, id, domain, , , mechanism, ...credentials] = request;
  const [key] = credentials;
  const known =
    request.length === 7 &&
    equals(asked, version) &&
    equals(domain, zapDomain) &&
    equals(mechanism, 'CURVE') &&
    allowedKeys.some((allowed) => key?.length === allowed.length && timingSafeEqual(key, allowed));
  const texts = known ? ['200', 'OK', user, ''] : ['400', 'Access denied', '', ''];
  return [Buffer.from(version), id ?? Buffer.alloc(0), ...texts.map((text) => Buffer.from(text))];
}

function equals(frame: Uint8Array | undefined, text: string): boolean {
  return frame !== undefined && Buffer.from(frame).equals(Buffer.from(text));
}
