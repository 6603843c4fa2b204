/** Images that a manager orders kernels with, pulled by a real engine from a registry that asks who it is. */
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { startDockerNode } from '../support/docker-rpc-node.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';
import { SmallRegistry } from '../support/small-registry.ts';

const credentials = { username: 'robot$puller', password: 's3cret' };
let node: RpcNode;
let registry: SmallRegistry;
beforeAll(async () => {
  node = await startDockerNode();
});
beforeEach(async () => {
  registry = await SmallRegistry.start(credentials);
  node.services.published.length = 0;
});
afterEach(async () => {
  for (const { id } of await node.fixture.agent.list({ all: false }))
    await node.fixture.agent.destroy(id, { force: true });
  await docker('rmi', '-f', registry.canonical).catch(() => {});
  await registry[Symbol.asyncDispose]();
});
afterAll(() => node?.[Symbol.asyncDispose]());

/** Orders kernels with the image; `change` replaces keys of their configuration. */
async function create(ids: readonly KernelId[], change: object = {}, registryChange: object = {}): Promise<unknown> {
  const image = {
    ...(kernelConfigFixture()['image'] as object),
    canonical: registry.canonical,
    digest: registry.imageId,
    labels: {},
    registry: { name: registry.host, url: `http://${registry.host}`, ...credentials, ...registryChange },
  };
  const config = kernelConfigFixture({ image, ...change } as never);
  return await node.call(
    'create_kernels',
    ...createKernelsArguments(randomUUID(), Object.fromEntries(ids.map((id) => [id, config]))),
  );
}
const imageOf = async (): Promise<string> =>
  (await docker('inspect', '--format', '{{.Id}}', registry.canonical)).trim();
const pullings = (): number => node.services.published.filter((line) => line.includes(' pulls ')).length;

describe('an image', () => {
  it('is pulled once for all kernels that wait for it, with the credentials of the order, and published of', async () => {
    const ids = [newKernelId(), newKernelId(), newKernelId()] as const;
    await create(ids, { resource_slots: { cpu: '1', mem: '134217728' } });
    expect(await imageOf()).toBe(registry.imageId);
    expect(registry.pulls).toBeGreaterThanOrEqual(1);
    expect(registry.pulls).toBeLessThanOrEqual(2); // One pull asks for the head and for the whole.
    expect(pullings()).toBe(3);
    expect(await node.fixture.agent.list({ all: false })).toHaveLength(3);
  });

  it('that is here is pulled again by its digest, and not by its tag', async () => {
    await docker('tag', 'kernelet/base:latest', registry.canonical);
    const [other, tagged, pulled, same] = [await imageOf(), newKernelId(), newKernelId(), newKernelId()];
    await create([tagged], { auto_pull: 'tag' });
    expect(await imageOf()).toBe(other);
    expect(pullings()).toBe(0);
    await create([pulled], { auto_pull: 'digest' });
    expect(await imageOf()).toBe(registry.imageId);
    expect(pullings()).toBe(1);
    await create([same], { auto_pull: 'digest' });
    expect(pullings()).toBe(1);
  });

  it('that is not here is not pulled where that is forbidden, or where it is of this node alone', async () => {
    await expect(create([newKernelId()], { auto_pull: 'none' })).rejects.toThrow('ImageNotAvailable');
    const reference = { registry: registry.host, project: 'stable', name: 'thing', tag: '1', architecture: 'x86_64' };
    const args = createKernelsArguments(randomUUID(), { [newKernelId()]: kernelConfigFixture({ auto_pull: 'tag' }) });
    const [id = ''] = args[1] as readonly string[];
    const here = [...args.slice(0, 4), { [id]: { ...reference, is_local: true } }];
    await expect(node.call('create_kernels', ...here)).rejects.toThrow('ImageNotAvailable');
    expect(registry.pulls).toBe(0);
  });

  it('is refused without the right credentials, none of which is published', async () => {
    for (const wrong of [{ password: 'wr0ng-one' }, { username: null, password: null }]) {
      const failure = await create([newKernelId()], {}, wrong).catch(String);
      expect(failure).toMatch(/DockerError/);
      expect(failure).not.toMatch(/wr0ng-one|s3cret/);
    }
    expect(await node.fixture.kernels.leftovers()).toEqual([]);
  });

  // @promise registry-silent
  it('that takes too long to come is given up, and so is one whose kernel is to be destroyed', async () => {
    registry.isHanging = true;
    await expect(create([newKernelId()])).rejects.toThrow(
      `Image pull timeout after 2 seconds. (img:${registry.canonical})`,
    );
    const id = newKernelId();
    const begun = create([id]).catch(String);
    await expect.poll(pullings).toBe(2);
    const startedAt = performance.now();
    expect(await node.call('destroy_kernel', id, randomUUID(), 'user-requested')).toBeNull();
    expect(performance.now() - startedAt).toBeLessThan(1500);
    expect(await begun).toContain('given up');
    expect(await node.fixture.agent.list({ all: true })).not.toContainEqual(expect.objectContaining({ id }));
    expect(await node.fixture.kernels.leftovers()).toEqual([]);
  });
});
