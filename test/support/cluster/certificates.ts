/** An authority of a test's own with one certificate for 127.0.0.1, good for servers and clients. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { requireProgram } from './programs.ts';

export interface TestCertificates {
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

/** Makes them in the folder. */
export function makeCertificates(folder: string): TestCertificates {
  const openssl = requireProgram('openssl');
  const at = (name: string): string => path.join(folder, name);
  const run = (...args: string[]): void => {
    const done = spawnSync(openssl, args, { encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`openssl ${args[0]}: ${done.stderr}`);
  };
  const ecKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run(
    'req',
    '-x509',
    ...ecKey,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.pem'),
  );
  run('req', ...ecKey, '-subj', '/CN=test', '-keyout', at('one.key'), '-out', at('one.csr'));
  const usages = 'extendedKeyUsage=serverAuth,clientAuth';
  writeFileSync(at('ext'), `subjectAltName=IP:127.0.0.1,DNS:localhost\n${usages}\n`);
  const signed = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-extfile', at('ext')];
  run('x509', '-req', '-days', '2', '-in', at('one.csr'), ...signed, '-out', at('one.pem'));
  return { authority: at('ca.pem'), certificate: at('one.pem'), key: at('one.key') };
}
