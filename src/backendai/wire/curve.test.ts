import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { answerZap, CertificateError, decodeZ85, formatCertificate, isZ85Key, parseCertificate } from './curve.ts';

const publicKey = '-!JThKm73vxcOmTW5)UsVG.Ty{9v($<.2j<%grht';
const secretKey = '>s&IRwrqGpmWm*67Z.R!T>q86uqS5I<Hy3NwwTY=';
const text = (frame: Uint8Array | undefined): string => Buffer.from(frame ?? []).toString();

describe('CURVE keys', () => {
  it('reads what it writes', () => {
    for (const secret of [null, secretKey]) {
      const certificate = { publicKey, secretKey: secret };
      expect(parseCertificate(formatCertificate(certificate))).toEqual(certificate);
    }
  });

  it.each([
    ['no key', '# nothing\nmetadata\ncurve\n'],
    ['a short key', 'public-key = "abc"'],
    ['a key of other characters', `public-key = "${'~'.repeat(40)}"`],
    ['a key beyond 32 bytes', `public-key = "${'#'.repeat(40)}"`],
    ['a line without a key', 'public-key'],
    ['a bad secret', `public-key = "${publicKey}"\nsecret-key = "x"`],
  ])('refuses %s', (_, certificate) => {
    expect(() => parseCertificate(certificate)).toThrow(CertificateError);
  });

  it('never repeats a secret in its error', () => {
    const bad = `${secretKey}x`;
    expect(() => parseCertificate(`public-key = "${publicKey}"\nsecret-key = "${bad}"`)).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(bad.slice(0, 8)) }),
    );
  });

  it('knows a key by its form', () => {
    expect(isZ85Key(publicKey)).toBe(true);
    expect(isZ85Key(publicKey.slice(1))).toBe(false);
    expect(Buffer.from(decodeZ85(publicKey) ?? []).toString('hex')).toBe(
      'c686e6dc8feec6d967231894b4ad5e5bb2ea067ef624cd15e56712e9ffbb6f47',
    );
    expect(decodeZ85('abcd')).toBeNull();
    expect(decodeZ85('abc~e')).toBeNull();
  });

  it('admits one of several managers by CURVE alone, in the right domain', () => {
    const allowed = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];
    const ask = (...frames: (string | Uint8Array)[]): string =>
      text(
        answerZap(
          frames.map((frame) => Buffer.from(frame)),
          allowed,
        )[2],
      );
    const key = Buffer.alloc(32, 2);
    expect(ask('1.0', '1', 'local', '127.0.0.1', '', 'CURVE', key)).toBe('200');
    expect(ask('1.0', '1', 'local', '127.0.0.1', '', 'CURVE', Buffer.alloc(32, 3))).toBe('400');
    expect(ask('1.0', '1', 'local', '127.0.0.1', '', 'CURVE', key, key)).toBe('400');
    expect(ask('1.0', '1', 'global', '127.0.0.1', '', 'CURVE', key)).toBe('400');
    expect(ask('1.0', '1', 'local', '127.0.0.1', '', 'NULL')).toBe('400');
    expect(ask('2.0', '1', 'local', '127.0.0.1', '', 'CURVE', key)).toBe('400');
    expect(ask()).toBe('400');
  });

  it('answers any ZAP request with six frames', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 9 }), (frames) => {
        const reply = answerZap(frames, [Buffer.alloc(32, 1)]);
        expect(reply).toHaveLength(6);
        expect(text(reply[2])).toBe('400');
      }),
    );
  });
});
