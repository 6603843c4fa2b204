/** Vectors of CURVE: `exchanges` with `zap`, and certificates. */
import { answerZap, decodeZ85, parseCertificate } from '../../../src/backendai/wire/curve.ts';
import { byteDifference, difference } from '../notation/compare.ts';
import { fromHex } from '../notation/hex.ts';
import { type CaseResult, isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { framesOf } from './frames.ts';

export const rpcCurve: VectorKind = {
  name: 'rpc CURVE',
  recognises: (document) => itemsOf(document, 'exchanges')?.every(({ zap }) => isObject(zap)) ?? false,
  run: (document) => [
    ...(itemsOf(document, 'exchanges') ?? []).map((exchange) => exchangeCase(exchange, keysOf(document))),
    ...(itemsOf(document, 'certificate_parsing') ?? []).map(certificateCase),
  ],
};

/** Key pairs are part of what every exchange rests on: a wrong one fails it. */
function exchangeCase(exchange: JsonObject, keys: Readonly<Record<string, JsonObject>>): CaseResult {
  return runCase(`ZAP: ${String(exchange['client'])}`, () => {
    for (const [name, key] of Object.entries(keys)) {
      const problem = keyProblem(key);
      if (problem) return `${name}: ${problem}`;
    }
    const zap = exchange['zap'] as JsonObject;
    const manager = fromHex(keys['manager']?.['public_hex']);
    const reply = answerZap(framesOf(zap['request_hex']), [manager]);
    const hex = reply.map((frame) => Buffer.from(frame).toString('hex'));
    const wanted = framesOf(zap['reply_hex']).map((frame) => Buffer.from(frame).toString('hex'));
    return difference(hex, wanted, 'reply');
  });
}

function keyProblem(key: JsonObject): string | null {
  for (const part of ['public', 'secret']) {
    const bytes = decodeZ85(String(key[`${part}_z85`])) ?? new Uint8Array(0);
    const problem = byteDifference(bytes, String(key[`${part}_hex`]), `the ${part} key`);
    if (problem) return problem;
  }
  const [open, whole] = [parseCertificate(String(key['key_file'])), parseCertificate(String(key['key_secret_file']))];
  return (
    difference(open, { publicKey: key['public_z85'], secretKey: null }, 'key_file') ??
    difference(whole, { publicKey: key['public_z85'], secretKey: key['secret_z85'] }, 'key_secret_file')
  );
}

function certificateCase(certificate: JsonObject, index: number): CaseResult {
  return runCase(`certificate ${index}`, () => {
    if (typeof certificate['error'] === 'string') {
      try {
        parseCertificate(String(certificate['text']));
      } catch {
        return null;
      }
      return 'it was read';
    }
    const { publicKey, secretKey } = parseCertificate(String(certificate['text']));
    return difference({ publicKey, secretKey }, { publicKey: certificate['public'], secretKey: certificate['secret'] });
  });
}

function keysOf(document: unknown): Readonly<Record<string, JsonObject>> {
  return isObject(document) && isObject(document['keys']) ? (document['keys'] as Record<string, JsonObject>) : {};
}
