/** ZeroMQ certificate files as upstream writes and reads them (spec rpc 4.1). */
import { isZ85Key } from './z85.ts';

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
