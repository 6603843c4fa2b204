import { expect, it } from 'vitest';
import { refuseDotSegments, refuseForeignPage } from './refused-requests.ts';

interface Asked {
  readonly method?: string;
  readonly upgrades?: boolean;
  readonly origin?: string;
  readonly site?: string;
}

function refused({ method = 'POST', upgrades = false, origin, site }: Asked): boolean {
  const headers = {
    host: 'api.example',
    ...(origin === undefined ? {} : { origin }),
    ...(site === undefined ? {} : { 'sec-fetch-site': site }),
  };
  try {
    refuseForeignPage({ method, headers, upgrades });
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'FOREIGN_ORIGIN' });
    return true;
  }
}

// @promise ports-apart
it.each<[string, Asked]>([
  ['another site', { origin: 'http://evil.example' }],
  ['a page of no origin', { origin: 'null' }],
  ['another port of the same host', { origin: 'http://api.example:8080' }],
  ['a browser that names no origin', { site: 'cross-site' }],
  ['a neighbouring site', { site: 'same-site' }],
  ['a browser that contradicts itself', { origin: 'http://api.example', site: 'cross-site' }],
  ['a page that opens a connection', { method: 'GET', upgrades: true, origin: 'http://evil.example' }],
])('%s changes nothing', (_, asking) => {
  expect(refused(asking)).toBe(true);
});

it.each<[string, Asked]>([
  ['a program', {}],
  ['a program that upgrades', { method: 'GET', upgrades: true }],
  ['a page of the same origin', { origin: 'https://api.example', site: 'same-origin' }],
  ['a person', { site: 'none' }],
  [
    'a foreign page that only looks, and is shown nothing',
    { method: 'GET', origin: 'http://evil.example', site: 'cross-site' },
  ],
])('%s is answered', (_, asking) => {
  expect(refused(asking)).toBe(false);
});

it.each([
  '/v1/kernels/web/ports/80/../../../x',
  '/v1/%2E%2e/kernels',
  '/v1/kernels/./web',
  '/v1/kernels/web/ports/80/..\\..\\..\\other',
  '/v1/kernels/..?a=b',
])('an address that leads elsewhere than it looks is refused: %s', (url) => {
  expect(() => refuseDotSegments(url)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
});

it.each(['/v1/kernels/web/ports/80/a..b/.well-known/x', '/v1/kernels?path=/../x', '/'])(
  'an address that leads where it looks is not refused: %s',
  (url) => {
    expect(() => refuseDotSegments(url)).not.toThrow();
  },
);
