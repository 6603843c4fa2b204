/** ZAP, by which ZeroMQ asks whether a client may connect (spec rpc 4.4; ZeroMQ RFC 27). Refuses by default. */
import { timingSafeEqual } from 'node:crypto';

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
