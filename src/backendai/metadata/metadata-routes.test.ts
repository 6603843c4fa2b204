import { describe, expect, it } from 'vitest';
import { answerMetadata, type MetadataCaller } from './metadata-routes.ts';

const caller: MetadataCaller = {
  address: '172.17.0.5',
  environ: [
    ['LANG', 'C.UTF-8'],
    ['GREETING', 'grüße "\n" \u{1F600}'],
  ],
};
const ask = (target: string, method = 'GET', isJail = false) => answerMetadata(method, target, caller, { isJail });
const plain = 'text/plain; charset=utf-8';

describe('metadata', () => {
  it.each([
    ['/', 'latest/', false],
    ['/latest', 'meta-data/', false],
    ['/2024-01-01', 'meta-data/', false],
    ['/latest/', 'extension/\nmeta-data/', false],
    ['/latest/meta-data', 'envs\nlocal-ipv4\nsandbox', true],
    ['/latest/meta-data/', 'envs\nlocal-ipv4\nsandbox', true],
    ['/latest/meta-data/local-ipv4', '172.17.0.5', true],
    ['/latest/meta-data/local%2Dipv4?x=1', '172.17.0.5', true],
    ['/latest/meta-data/sandbox', 'docker', true],
    ['/latest/extension/', '', true],
    ['/latest/extension', '', true],
  ])('at %s is %j', (target, body, isOfApp) => {
    const headers = { 'content-type': plain, ...(isOfApp ? { server: 'BackendAI' } : {}) };
    expect(ask(target)).toEqual({ status: 200, headers, body });
    expect(ask(target, 'HEAD').status).toBe(200);
  });

  it('says that kernels are in a jail where they are', () => {
    expect(ask('/latest/meta-data/sandbox', 'GET', true).body).toBe('jail');
  });

  it('has the environment of the kernel as Python writes it', () => {
    expect(ask('/latest/meta-data/envs')).toEqual({
      status: 200,
      headers: { 'content-type': 'application/json; charset=utf-8', server: 'BackendAI' },
      body: '{"LANG": "C.UTF-8", "GREETING": "gr\\u00fc\\u00dfe \\"\\n\\" \\ud83d\\ude00"}',
    });
  });

  it.each([
    '/foo/',
    '/foo/meta-data/',
    '/latest/meta-data/envs/',
    '/latest/meta-data/envs/LANG',
    '/latest/meta-data/iam/security-credentials/',
    '/latest/user-data',
    '/latest/dynamic/instance-identity/document',
    '/computeMetadata/v1/',
    '/latest/meta-data/%',
    '/latest/meta-data/../meta-data/envs',
    '/latest/extension/x/',
    'http://169.254.169.254/latest/',
    '//',
    '/latest/meta-data/constructor',
    '',
  ])('has nothing at %j', (target) => {
    expect(ask(target)).toMatchObject({ status: 404, body: '404: Not Found', headers: { 'content-type': plain } });
  });

  it('is read, and nothing else', () => {
    for (const method of ['PUT', 'POST', 'DELETE', 'OPTIONS', 'CONNECT']) {
      expect(ask('/latest/meta-data/envs', method)).toMatchObject({
        status: 405,
        body: '405: Method Not Allowed',
        headers: { 'content-type': plain, allow: 'GET,HEAD' },
      });
      expect(ask('/latest/api/token', method).status).toBe(404);
    }
  });
});
