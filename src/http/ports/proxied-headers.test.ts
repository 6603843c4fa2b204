import { describe, expect, it } from 'vitest';
import { answerHeaders, requestHeaders } from './proxied-headers.ts';

const place = { port: 8080, prefix: '/v1/kernels/web/ports/8080' };
const ours = {
  Host: 'localhost:8080',
  'X-Forwarded-Proto': 'http',
  'X-Forwarded-Prefix': '/v1/kernels/web/ports/8080',
  Connection: 'close',
};

/** The headers of a request, as the server gets them. */
function request(headers: Readonly<Record<string, string>>, upgrade: string | null = null) {
  return asObject(requestHeaders(Object.entries(headers).flat(), place, upgrade));
}

/** Of an answer, as the caller gets them, but for the policy that they all have. */
function answer(headers: Readonly<Record<string, string>>, upgrade: string | null = null) {
  const { 'Content-Security-Policy': policy, ...rest } = asObject(
    answerHeaders(Object.entries(headers).flat(), place, upgrade),
  );
  expect(policy === undefined).toBe(upgrade !== null);
  return rest;
}

const asObject = (raw: readonly string[]): Record<string, string> =>
  Object.fromEntries(raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? '']] : [])));

describe('a request', () => {
  it('is passed on with what is meant for the server, which is told how it was asked', () => {
    expect(request({ Host: 'kernelet', Accept: 'text/*', 'X-Api-Key': 'k', 'Content-Length': '5' })).toEqual({
      ...ours,
      Accept: 'text/*',
      'X-Api-Key': 'k',
      'X-Forwarded-Host': 'kernelet',
      'Content-Length': '5',
    });
  });

  // @promise ports-apart
  it('has nothing in it that proves who asks', () => {
    expect(request({ Authorization: 'Bearer t', cookie: 'a=b', 'Proxy-Authorization': 'x' })).toEqual(ours);
    expect(request({ 'X-Forwarded-Access-Token': 't', 'Cf-Access-Jwt-Assertion': 't' })).toEqual(ours);
  });

  it('has nothing in it of the connection alone, whatever the caller counts to that', () => {
    const headers = {
      Connection: 'keep-alive, X-Mine',
      'X-Mine': '1',
      TE: 'trailers',
      'Keep-Alive': '5',
      Expect: '100-continue',
    };
    expect(request({ ...headers, Upgrade: 'h2c', 'HTTP2-Settings': 'x' })).toEqual(ours);
    // Its length and its chunks are facts, not wishes.
    expect(request({ Connection: 'content-length, close', 'Content-Length': '3' })).toEqual({
      ...ours,
      'Content-Length': '3',
    });
    expect(request({ 'Transfer-Encoding': 'Chunked' })).toEqual({ ...ours, 'Transfer-Encoding': 'chunked' });
  });

  it('says what a gate before the API says, and the whole way', () => {
    const lines = ['X-Forwarded-For', '6.6.6.6', 'x-forwarded-for', '10.0.0.1'];
    expect(asObject(requestHeaders(lines, place, null))).toMatchObject({ 'X-Forwarded-For': '6.6.6.6, 10.0.0.1' });
    const gate = { 'X-Forwarded-For': '10.0.0.1', 'X-Forwarded-Proto': 'https', 'X-Forwarded-Host': 'me.example' };
    expect(request({ Host: 'kernelet', ...gate, 'X-Forwarded-Prefix': '/api', Forwarded: 'for=x' })).toEqual({
      ...ours,
      ...gate,
      'X-Forwarded-Prefix': '/api/v1/kernels/web/ports/8080',
    });
  });

  it('asks for another protocol where the caller does, from the origin that the server takes for its own', () => {
    const headers = { Connection: 'Upgrade', Upgrade: 'websocket', Origin: 'http://kernelet', 'Content-Length': '3' };
    expect(request(headers, 'websocket')).toEqual({
      ...ours,
      Origin: 'http://localhost:8080',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
    });
  });
});

describe('an answer', () => {
  it('is passed on as it is, each value of a name that comes twice', () => {
    const raw = ['Content-Type', 'text/html', 'Vary', 'A', 'Vary', 'B', 'Content-Length', '7'];
    expect(answerHeaders(raw, place, null).slice(0, 8)).toEqual(raw);
  });

  // @promise ports-apart
  it('sets nothing for the origin of the API, and its pages are of none', () => {
    const headers = {
      ...{ 'Set-Cookie': 'a=b', 'Clear-Site-Data': '"*"', 'Strict-Transport-Security': 'max-age=9', NEL: '{}' },
      ...{ 'Service-Worker-Allowed': '/', 'WWW-Authenticate': 'Basic', 'Alt-Svc': 'h3', 'Reporting-Endpoints': 'x' },
      ...{ 'X-Kernelet-Form': 'tar', 'X-Frame-Options': 'DENY' },
    };
    expect(answer(headers)).toEqual({ 'X-Frame-Options': 'DENY' });
    const own = ['Content-Security-Policy', "default-src 'self'"];
    const policies = answerHeaders(own, place, null).filter((_, index, all) => all[index - 1] === own[0]);
    expect(policies).toEqual([own[1], expect.stringMatching(/^sandbox (?!.*allow-same-origin)/)]);
  });

  it('has nothing in it of the connection alone', () => {
    const headers = { Connection: 'close, X-Mine', 'X-Mine': '1', 'Transfer-Encoding': 'chunked', Upgrade: 'h2c' };
    expect(answer({ ...headers, 'Keep-Alive': 'timeout=5', Date: 'now' })).toEqual({ Date: 'now' });
    expect(answer({ 'Sec-WebSocket-Accept': 'x', Connection: 'upgrade' }, 'websocket')).toEqual({
      'Sec-WebSocket-Accept': 'x',
      Connection: 'Upgrade',
      Upgrade: 'websocket',
    });
  });

  it.each([
    ['/login?next=/', '/v1/kernels/web/ports/8080/login?next=/'],
    ['http://localhost:8080/a', '/v1/kernels/web/ports/8080/a'],
    ['http://localhost:80800/a', 'http://localhost:80800/a'],
    ['next/', 'next/'],
    ['https://example.org/', 'https://example.org/'],
    ['//example.org/', '//example.org/'],
  ])('sends somebody to %s by %s', (location, asked) => {
    expect(answer({ Location: location })).toEqual({ Location: asked });
  });
});
