import { expect, it } from 'vitest';
import { contextPath, keptPath, kernelPath, query, runPath, servicePath } from './api-paths.ts';

it('every name stays one part of its address', () => {
  expect(kernelPath('3f2a')).toBe('/v1/kernels/3f2a');
  expect(keptPath('3f2a')).toBe('/v1/kept/3f2a');
  expect(runPath('3f2a', 'web')).toBe('/v1/kernels/3f2a/runs/web');
  expect(contextPath('3f2a', 'a/../b?c')).toBe('/v1/kernels/3f2a/contexts/a%2F..%2Fb%3Fc');
  expect(servicePath('3f2a', '%2e%2e')).toBe('/v1/kernels/3f2a/services/%252e%252e');
  expect(new URL(servicePath('3f2a', '...'), 'http://kernelet').pathname).toBe('/v1/kernels/3f2a/services/...');
});

it.each(['', '.', '..'])('%j, with which an address would mean another, is refused', (name) => {
  for (const pathOf of [runPath, contextPath, servicePath]) {
    expect(() => pathOf('3f2a', name)).toThrow(`nothing in a kernel can be called ${JSON.stringify(name)}`);
  }
  expect(() => kernelPath(name)).toThrow('is not a kernel id');
  expect(() => keptPath(name)).toThrow('is not a kernel id');
});

it('a query has the parameters that have a value', () => {
  expect(query({ all: true, force: false, after: 0, path: 'a b', mode: undefined })).toBe('?all=true&after=0&path=a+b');
  expect(query({ label: ['a=b', 'c'], name: [] })).toBe('?label=a%3Db&label=c');
  expect(query({ force: false })).toBe('');
});
