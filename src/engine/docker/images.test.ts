import { expect, it } from 'vitest';
import { DockerImages, registryAuthHeader } from './images.ts';
import type { VersionedTransport } from './versioned-transport.ts';

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

it.each([{}, { Config: null }, { Config: { Labels: null } }, { Config: { Labels: 'x' }, RepoTags: null }])(
  'an image of which the engine says %j has no labels, and keeps no other from being listed',
  async (odd) => {
    const labels = { 'ai.backend.kernelspec': '1' };
    const details: Readonly<Record<string, object>> = {
      '/images/odd/json': { Id: 'odd', ...odd },
      '/images/good/json': { Id: 'good', Config: { Labels: labels } },
    };
    const transport = {
      json: async ({ path }: { readonly path: string }) => ({
        status: 200,
        value: details[path] ?? [{ Id: 'odd' }, { Id: 'good' }],
      }),
    } as unknown as VersionedTransport;
    const images = await new DockerImages(transport).list(new AbortController().signal);
    expect(images.map((image) => [image.id, image.labels])).toEqual([
      ['odd', {}],
      ['good', labels],
    ]);
  },
);
