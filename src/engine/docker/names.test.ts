import { describe, expect, it } from 'vitest';
import { pathSegment, referencePath, splitReference } from './names.ts';

describe('splitReference', () => {
  it.each([
    ['debian', 'debian', 'latest'],
    ['debian:bookworm', 'debian', 'bookworm'],
    ['localhost:5000/kernelet/python', 'localhost:5000/kernelet/python', 'latest'],
    ['localhost:5000/python:3.11', 'localhost:5000/python', '3.11'],
    ['python@sha256:0123', 'python', 'sha256:0123'],
    ['python:3@sha256:0123', 'python:3', 'sha256:0123'],
  ])('splits %s', (reference, repository, tag) => {
    expect(splitReference(reference)).toEqual({ repository, tag });
  });
});

describe('referencePath', () => {
  it('keeps slashes and encodes the rest', () => {
    expect(referencePath('localhost:5000/a/b:1')).toBe('localhost%3A5000/a/b%3A1');
  });

  it.each(['', '..', '../containers/json', 'a/../b', 'a//b', '-rf', 'a b', 'a?force=1', 'a#', 'a\nb', 'a%2f..'])(
    'refuses %j, which could reach another address',
    (reference) => {
      expect(() => referencePath(reference)).toThrow(/is not a reference/);
    },
  );
});

describe('pathSegment', () => {
  it('lets no name reach another address', () => {
    expect(pathSegment('kernel.python.1')).toBe('kernel.python.1');
    expect(pathSegment('a?b#c%2f')).toBe('a%3Fb%23c%252f');
    for (const name of ['', '.', '..', 'a/b', '../x']) expect(() => pathSegment(name)).toThrow(/is not the name/);
  });
});
