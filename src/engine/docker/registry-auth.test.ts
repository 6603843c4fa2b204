import { expect, it } from 'vitest';
import { registryAuthHeader } from './registry-auth.ts';

it.each(['p', 'pa', 'pas', 'ÿþý?>~', ''])('is filled up, and in the letters of addresses (%j)', (password) => {
  const header = registryAuthHeader({ username: 'u', password, serverAddress: 'cr.local:5000' });
  expect(header).toMatch(/^[A-Za-z0-9_-]+={0,2}$/);
  expect(header.length % 4).toBe(0);
  expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
    username: 'u',
    password,
    serveraddress: 'cr.local:5000',
  });
});

it('is there without credentials, too', () => {
  expect(Buffer.from(registryAuthHeader(undefined), 'base64url').toString()).toBe('{}');
});
