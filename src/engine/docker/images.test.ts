import { expect, it } from 'vitest';
import { registryAuthHeader } from './images.ts';

it.each(['p', 'pa', 'pas', 'ÿþý?>~', ''])(
  'the header with the password %j is base64 for addresses, filled up',
  (password) => {
    const header = registryAuthHeader({ username: 'u', password, serverAddress: 'cr.local:5000' });
    expect(header).toMatch(/^[A-Za-z0-9_-]+={0,2}$/);
    expect(header.length % 4).toBe(0);
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
      username: 'u',
      password,
      serveraddress: 'cr.local:5000',
    });
  },
);

it('the header of nobody is an empty object, since a push needs one', () => {
  expect(Buffer.from(registryAuthHeader(undefined), 'base64url').toString()).toBe('{}');
});
