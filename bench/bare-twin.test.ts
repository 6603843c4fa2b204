import { expect, it } from 'vitest';
import { scratchFolders } from './bare-twin.ts';

it('finds the folders of a kernel among the binds of its container, and not the volume', () => {
  const mount = (source: string) => ({ Type: 'bind', Source: source, Target: '/x' });
  const root = '/state/scratch/agent/0b8c';
  const body = { Image: 'x', HostConfig: { Mounts: ['/state/runner-1', `${root}/run`, `${root}/work`].map(mount) } };
  expect(scratchFolders(body)).toEqual([`${root}/run`, `${root}/work`]);
});
