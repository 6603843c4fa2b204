import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { hasCode } from '../lib/errors.ts';
import { isImageId, parseImageReference } from './reference.ts';

const digest = `sha256:${'0af5'.repeat(16)}`;

describe('parseImageReference', () => {
  it.each([
    ['debian', 'docker.io', 'library/debian', 'latest', null, 'debian:latest'],
    ['debian:bookworm', 'docker.io', 'library/debian', 'bookworm', null, 'debian:bookworm'],
    ['docker.io/debian', 'docker.io', 'library/debian', 'latest', null, 'debian:latest'],
    ['index.docker.io/library/debian:12', 'docker.io', 'library/debian', '12', null, 'debian:12'],
    ['kernelet/python', 'docker.io', 'kernelet/python', 'latest', null, 'kernelet/python:latest'],
    ['localhost/x', 'localhost', 'x', 'latest', null, 'localhost/x:latest'],
    ['localhost:5000/x', 'localhost:5000', 'x', 'latest', null, 'localhost:5000/x:latest'],
    ['[::1]:5000/a/b:t', '[::1]:5000', 'a/b', 't', null, '[::1]:5000/a/b:t'],
    ['ghcr.io/a/b__c/d--e:V1.0_x', 'ghcr.io', 'a/b__c/d--e', 'V1.0_x', null, 'ghcr.io/a/b__c/d--e:V1.0_x'],
    [`debian@${digest}`, 'docker.io', 'library/debian', null, digest, `debian@${digest}`],
    [`r.io:1/a:t@${digest}`, 'r.io:1', 'a', 't', digest, `r.io:1/a:t@${digest}`],
    ['docker.io/library/a/b', 'docker.io', 'library/a/b', 'latest', null, 'library/a/b:latest'],
  ])('reads %s', (text, registry, path, tag, hash, familiar) => {
    const parsed = parseImageReference(text);
    expect(parsed).toMatchObject({ registry, path, tag, digest: hash, familiar });
    expect(parseImageReference(parsed.familiar)).toEqual(parsed);
    expect(parseImageReference(parsed.canonical)).toEqual(parsed);
  });

  it.each([
    ['', 'empty'],
    ['https://x.io/a', 'scheme'],
    ['//a', 'not a part'],
    ['a//b', 'not a part'],
    ['Debian', 'upper case'],
    ['a:', 'tag'],
    ['a:b c', 'tag'],
    ['a:-x', 'tag'],
    [`a:${'t'.repeat(129)}`, 'tag'],
    [`a@sha256:${'A'.repeat(64)}`, 'hexadecimal'],
    ['a@md5:00', 'hexadecimal'],
    [`a@${digest}@${digest}`, 'more than once'],
    ['-x.io/a', 'host'],
    ['x.io:99999/a', 'host'],
    ['x.io/', 'not a part'],
    ['a b', 'not a part'],
    ['a\n', 'not a part'],
    ['../etc', 'host'],
    ['-rf', 'not a part'],
    [`${'a'.repeat(256)}`, 'longer than 255'],
    ['a'.repeat(5000), 'longer than 1024'],
    ['0af5'.repeat(16), 'id'],
    [digest, 'id'],
  ])('refuses %j and says why', (text, part) => {
    expect(() => parseImageReference(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => parseImageReference(text)).toThrow(part);
  });

  it('for any text gives a stable, printable name or INVALID_ARGUMENT', () => {
    const alphabet = fc.constantFrom(...'aZ09.:/@_-[]%\n é'.split(''));
    const text = fc.oneof(fc.string(), fc.string({ unit: alphabet, maxLength: 40 }));
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          const parsed = parseImageReference(candidate);
          expect(parseImageReference(parsed.canonical)).toEqual(parsed);
          expect(parseImageReference(parsed.familiar)).toEqual(parsed);
          expect(parsed.canonical).toMatch(/^[\x21-\x7e]+$/);
        } catch (error) {
          if (!hasCode(error, 'INVALID_ARGUMENT')) throw error;
        }
      }),
      { numRuns: fuzzRuns(3000) },
    );
  });
});

describe('isImageId', () => {
  it('knows ids from names', () => {
    expect(['0af5'.repeat(16), digest, 'debian', '0af5', `debian@${digest}`].map(isImageId)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
