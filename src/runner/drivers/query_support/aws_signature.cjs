/** Signs a request to Amazon's services (AWS Signature Version 4). */
'use strict';
const { createHash, createHmac } = require('node:crypto');

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const hmac = (key, text) => createHmac('sha256', key).update(text).digest();
const algorithm = 'AWS4-HMAC-SHA256';

/**
 * The headers of a signed request: those given, names in lower case and `host` among them, with the time and the signature.
 * The path has no query. `keys` are `{ id, secret, token }`, the token null for keys that last.
 */
function signedHeaders({ method, path, headers, body }, { service, region, keys, now }) {
  const time = now.toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const all = { ...headers, 'x-amz-date': time, ...(keys.token ? { 'x-amz-security-token': keys.token } : {}) };
  const names = Object.keys(all).sort();
  const list = names.join(';');
  const lines = names.map((name) => `${name}:${all[name].trim()}\n`).join('');
  const canonical = [method, path, '', lines, list, sha256(body)].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${keys.secret}`, day));
  const signature = hmac(key, [algorithm, time, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `${algorithm} Credential=${keys.id}/${scope}, SignedHeaders=${list}, Signature=${signature}`;
  return { ...all, authorization };
}

module.exports = { signedHeaders };
