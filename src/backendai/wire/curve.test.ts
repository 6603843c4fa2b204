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

  it('writes them as upstream does, and says which part it is', () => {
    const body = `\n\nmetadata\ncurve\n    public-key = "${publicKey}"\n`;
    expect(formatCertificate({ publicKey, secretKey: null })).toBe(`# kernelet RPC certificate, public part${body}`);
    expect(formatCertificate({ publicKey, secretKey })).toBe(
      `# kernelet RPC certificate, secret part${body}    secret-key = "${secretKey}"\n`,
    );
  });

  it('reads keys however they are quoted', () => {
    const certificate = { publicKey, secretKey };
    for (const [left, right] of [
      ['"', '"'],
      ["'", "'"],
      ['', ''],
      [' \t"\'', '\'" \t'],
    ]) {
      const text = `public-key =${left}${publicKey}${right}\r\n  secret-key=${left}${secretKey}${right}\r\n`;
      expect(parseCertificate(text)).toEqual(certificate);
    }
  });

  it.each([
    ['no key', '# nothing\nmetadata\ncurve\n', 'no public-key line was found'],
    ['a short key', 'public-key = "abc"', 'public-key is not 40 characters of Z85'],
    ['a key of other characters', `public-key = "${'~'.repeat(40)}"`, 'public-key is not 40 characters of Z85'],
    ['a key beyond 32 bytes', `public-key = "${'#'.repeat(40)}"`, 'public-key is not 40 characters of Z85'],
    ['a line without a key', 'public-key', 'public-key is not 40 characters of Z85'],
    [
      'a key with a quotation mark in it',
      `public-key = "${publicKey.replace('m', '"')}"`,
      'public-key is not 40 characters of Z85',
    ],
    ['a key with text behind it', `public-key = "${publicKey}" x`, 'public-key is not 40 characters of Z85'],
    ['a key without its sign', `public-key ${publicKey.slice(11)}`, 'public-key is not 40 characters of Z85'],
    ['a key behind what is no sign', `public-key ${publicKey}`, 'public-key is not 40 characters of Z85'],
    ['a bad secret', `public-key = "${publicKey}"\nsecret-key = "x"`, 'secret-key is not 40 characters of Z85'],
  ])('refuses %s', (_, certificate, problem) => {
    expect(() => parseCertificate(certificate)).toThrow(new CertificateError(problem));
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
    expect(decodeZ85('00000%nSc0')).toEqual(Buffer.from('00000000ffffffff', 'hex'));
    expect(decodeZ85('%nSc1')).toBeNull();
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

  it('answers by the request’s number who was admitted, and nothing of who was not', () => {
    const key = Buffer.alloc(32, 1);
    const texts = (...frames: readonly (string | Uint8Array)[]) =>
      answerZap(
        frames.map((frame) => Buffer.from(frame)),
        [key],
      ).map(text);
    expect(texts('1.0', '7', 'local', '', '', 'CURVE', key)).toEqual(['1.0', '7', '200', 'OK', 'manager', '']);
    expect(texts('1.0', '7', 'local', '', '', 'PLAIN', key)).toEqual(['1.0', '7', '400', 'Access denied', '', '']);
    expect(texts('1.0', '7', 'local', '', '', 'CURVE', key.subarray(1))[2]).toBe('400');
    expect(texts()).toEqual(['1.0', '', '400', 'Access denied', '', '']);
    expect(texts('1.0', '7', 'local', '', '', 'CURVE')[2]).toBe('400');
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
