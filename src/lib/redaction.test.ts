import { describe, expect, it } from 'vitest';
import { definitions } from '../config/schema.ts';
import { KerneletError } from './errors.ts';
import { beforeOutput, isSecretName, keepSecret, keepSecretsOf, redact, redactText } from './redaction.ts';

describe('a text', () => {
  it('has no secret that the process was given, in whichever form it stands there', () => {
    const secret = 'kept "by\nvalue" 100%';
    keepSecret(secret);
    for (const text of [secret, JSON.stringify({ a: secret }), `http://h/?p=${encodeURIComponent(secret)}`]) {
      expect(redactText(`before ${text} after`)).not.toMatch(/by\W{1,3}value/);
      expect(redactText(`before ${text} after`)).toContain('[redacted]');
    }
  });

  it('has the longer one taken out as a whole of two that begin alike', () => {
    keepSecret('begins-alike');
    keepSecret('begins-alike-and-goes-on');
    expect(redactText('x begins-alike-and-goes-on y begins-alike z')).toBe('x [redacted] y [redacted] z');
  });

  it('keeps what is too short to be told from words', () => {
    keepSecret('short');
    expect(redactText('a short text', ['text'])).toBe('a short text');
  });

  it('has none of those that are named with it, which are forgotten again', () => {
    expect(redactText('refused: once-shown', ['once-shown'])).toBe('refused: [redacted]');
    expect(redactText('refused: once-shown')).toBe('refused: once-shown');
  });

  it.each([
    ['tcp://user:pa@ss@host:1/x', 'tcp://[redacted]@host:1/x'],
    ['"https://token@host" and tls://:p@h', '"https://[redacted]@host" and tls://[redacted]@h'],
    ['https://host/a@b?c=d@e', 'https://host/a@b?c=d@e'],
    ['python:3.12@sha256:00 of me@host', 'python:3.12@sha256:00 of me@host'],
  ])('has no credentials of a URL: %s', (text, shown) => {
    expect(redactText(text)).toBe(shown);
  });

  it.each(['a secret', '{"a": a secret that is longer than the piece}', `"${'x'.repeat(50)}" secret`])(
    'has no piece of what is no JSON: %s',
    (json) => {
      let said = '';
      try {
        JSON.parse(json);
      } catch (error) {
        said = redactText(`damaged: ${error}`);
      }
      expect(said).toMatch(/^damaged: SyntaxError: Unexpected/);
      expect(said).not.toContain('secret');
    },
  );

  it('loses the first of very many secrets, and none of the last', () => {
    keepSecretsOf({ tables: [{ token: 'the-first-of-many' }] });
    expect(redactText('the-first-of-many')).toBe('[redacted]');
    for (let number = 0; number < 300; number += 1) keepSecret(`one-of-many-${number}`);
    expect(redactText('the-first-of-many one-of-many-299')).toBe('the-first-of-many [redacted]');
  });
});

describe('fields', () => {
  it('have no value under the name of a secret, and no secret in texts, errors and their causes', () => {
    keepSecret('known-to-all');
    const error = new KerneletError('INTERNAL', 'it says known-to-all', { cause: new Error('known-to-all') });
    const fields = { password: 'x', list: [{ apiToken: 1 }, 'known-to-all'], environ: { A: 'b' }, error, count: 3n };
    expect(redact(fields)).toEqual({
      password: '[redacted]',
      list: [{ apiToken: '[redacted]' }, '[redacted]'],
      environ: '[redacted]',
      error: {
        name: 'KerneletError',
        message: 'it says [redacted]',
        code: 'INTERNAL',
        cause: { name: 'Error', message: '[redacted]', cause: undefined },
      },
      count: 3n,
    });
  });
});

it('an error leaves the process without them', () => {
  keepSecret('not-to-leave');
  const error = new KerneletError('ENGINE_FAILED', 'not-to-leave', { context: { message: 'not-to-leave', status: 5 } });
  expect(error.toDocument()).toMatchObject({ message: '[redacted]', context: { message: '[redacted]', status: 5 } });
});

it('a name that says where something lies, or holds the word by chance, is no name of a secret', () => {
  for (const name of ['pass', 'DB_PASS', 'passphrase', 'apiToken']) expect(isSecretName(name)).toBe(true);
  for (const name of ['pass-through', 'bypass', 'token-file', 'credentials-path', 'secretsDir']) {
    expect(isSecretName(name)).toBe(false);
  }
});

it('everything below the name of a secret is kept, numbers too', () => {
  keepSecretsOf({ tokens: ['below-a-name'], credentials: { key: 'deep-below', number: 98765432 }, port: 87654321 });
  expect(redactText('below-a-name deep-below 98765432 87654321')).toBe('[redacted] [redacted] [redacted] 87654321');
});

it('every secret key of the configuration has the name of one', () => {
  const secret = [...definitions].flatMap(([name, definition]) => (definition.secret ? [name] : []));
  expect(secret.length).toBeGreaterThan(0);
  expect(secret.filter((name) => !isSecretName(name))).toEqual([]);
});

it('leaves what a tenant has printed out of what is logged, in errors and their causes too, and in no other text', () => {
  const text = `its container ended${beforeOutput}what it printed`;
  const died = new KerneletError('RUNNER_NOT_READY', text);
  const logged = redact({
    error: new KerneletError('KERNEL_DIED', text, { cause: died }),
    termination: { detail: text },
  });
  expect(logged).toMatchObject({
    error: { message: 'its container ended', cause: { message: 'its container ended' } },
    termination: { detail: 'its container ended' },
  });
  expect(died.toDocument().message).toBe(text);
});
