/** Tenants that try to leave something in a prewarmed network for the next kernel that joins it. */
import { appendFile, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { uniqueName } from '../support/engine.ts';
import { eventually, statusOf, untilEmpty } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { containerOf, joinedBy, prewarmedNetworks, prewarmedNetworksOf } from '../support/prewarmed-networks.ts';
import { docker } from '../support/runner-container.ts';
import { commitImage } from '../support/runner-images.ts';

/** What the attacker would have the next tenant believe; an address that nobody has (RFC 5737). */
const lie = '192.0.2.66';
const files = ['hosts', 'resolv.conf', 'hostname'];
const script = `id -u >/ran-as
echo '${lie} packages.example' >>/etc/hosts
echo 'nameserver ${lie}' >/etc/resolv.conf
echo 'of-the-attacker' >/etc/hostname
chmod 666 /etc/hosts /etc/resolv.conf /etc/hostname
`;
const image = `${uniqueName('kernelet-test-poison').toLowerCase()}:latest`;
/** The runner, which is root, writes the user into this file. */
const linked = `${uniqueName('kernelet-test-linked').toLowerCase()}:latest`;

beforeAll(async () => {
  const path = '/opt/container/bootstrap.sh';
  await commitImage(image, `mkdir -p /opt/container; cat >${path} <<'X'\n${script}X\nchmod 755 ${path}`);
  await commitImage(linked, 'ln -sf /etc/hosts /etc/passwd; ln -sf /etc/resolv.conf /etc/shells');
});
afterAll(async () => {
  await docker('rmi', '-f', image, linked);
});

async function nodeOf(configuration = ''): Promise<NodeUnderTest> {
  const node = await NodeUnderTest.started({ configuration });
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}

async function remove(node: NodeUnderTest, ...kernels: readonly string[]): Promise<void> {
  expect((await node.run(['rm', '-f', ...kernels])).status).toBe(0);
  await untilEmpty(node);
}

const create = (node: NodeUnderTest, of = 'kernelet/shell') => node.create('--image', of);
const shell = async (node: NodeUnderTest, kernel: string, command: string): Promise<string> =>
  (await node.run(['exec', kernel, '--', 'sh', '-c', command])).text;
const names = (node: NodeUnderTest, kernel: string) =>
  shell(node, kernel, files.map((file) => `cat /etc/${file}; stat -c %a:%u /etc/${file}`).join('\n'));

/** What the next tenants see, one on each network that is ready. */
async function seenByNext(node: NodeUnderTest): Promise<ReadonlyMap<string | null, string>> {
  const kernels = [await create(node), await create(node)];
  const seen = new Map<string | null, string>();
  for (const kernel of kernels) seen.set(await joinedBy(kernel), await names(node, kernel));
  await remove(node, ...kernels);
  return seen;
}

describe('the network files of a prewarmed network', () => {
  // @promise image-network
  it.each([
    ['a script that is to run as root', image],
    ['links in the place of files that the runner writes', linked],
  ])('are what they were after a kernel of an image with %s', async (_, hostile) => {
    const node = await nodeOf();
    await prewarmedNetworks(node);
    const before = await seenByNext(node);
    expect(before.size).toBe(2);
    const kernel = await create(node, hostile);
    expect([...before.keys()]).toContain(await joinedBy(kernel));
    expect(await shell(node, kernel, 'cat /ran-as 2>&1 || true')).toContain('No such file');
    await remove(node, kernel);
    expect(await seenByNext(node)).toEqual(before);
    expect(node.daemonErrors).toBe('');
  });

  it('cannot be changed by root of a kernel on it', async () => {
    const node = await nodeOf();
    await prewarmedNetworks(node);
    const before = await seenByNext(node);
    const kernel = await create(node);
    const attempts = files.map((file) => `echo ${lie} >>/etc/${file}; rm -f /etc/${file}; chmod 666 /etc/${file}`);
    const container = await containerOf(kernel);
    await docker('exec', '-u', '0', container, 'sh', '-c', `${attempts.join('\n')}\ntrue`);
    const stat = `stat -c %a:%u ${files.map((file) => `/etc/${file}`).join(' ')}`;
    expect(await docker('exec', '-u', '0', container, 'sh', '-c', stat)).toBe('644:0\n'.repeat(files.length));
    await remove(node, kernel);
    expect(await seenByNext(node)).toEqual(before);
  });

  it('are those of a network of its own where the operator lets scripts of images run as root', async () => {
    const node = await nodeOf('[kernelet]\nimage-bootstrap = "root"\n');
    expect(node.daemonErrors).toContain('loosened: kernelet.image-bootstrap');
    const kernels = [await create(node, image), await create(node)];
    const [hostile = '', next = ''] = kernels;
    expect(await shell(node, hostile, 'cat /ran-as')).toBe('0\n');
    expect(await names(node, hostile)).toContain(lie);
    expect(await Promise.all(kernels.map(joinedBy))).toEqual([null, null]);
    expect((await node.run(['rm', '-f', hostile])).status).toBe(0);
    const later = await create(node);
    for (const kernel of [next, later]) expect(await names(node, kernel)).not.toContain(lie);
  });

  // @promise image-network
  it('are verified before it is leased: one whose files were changed is removed, counted and reported', async () => {
    const node = await nodeOf();
    const ready = await prewarmedNetworks(node);
    for (const id of ready) {
      const path = (await docker('inspect', '--format', '{{.HostsPath}}', id)).trim();
      await appendFile(path, `${lie} packages.example\n`);
    }
    const kernel = await create(node);
    expect(await joinedBy(kernel)).toBeNull();
    expect(await names(node, kernel)).not.toContain(lie);
    await eventually('others have taken their place', async () => {
      const found = await prewarmedNetworksOf(node, { all: true });
      return found.length === 2 && !found.some((id) => ready.includes(id)) ? true : null;
    });
    expect((await statusOf(node)).invariantViolations).toMatchObject({ 'altered-network': 2 });
    expect(node.daemonErrors).toContain('the network files of a prewarmed network were changed');
    await remove(node, kernel);
  });
});

it('a kernel shares nothing with a prewarmed network but the network', async () => {
  const node = await nodeOf();
  await prewarmedNetworks(node);
  const kernel = await create(node);
  const pids = await Promise.all(
    [await containerOf(kernel), (await joinedBy(kernel)) ?? ''].map((id) =>
      docker('inspect', '--format', '{{.State.Pid}}', id),
    ),
  );
  const shared: string[] = [];
  for (const kind of ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts']) {
    const [one, other] = await Promise.all(pids.map((pid) => readlink(`/proc/${pid.trim()}/ns/${kind}`)));
    if (one === other) shared.push(kind);
  }
  // The engine gives no container a namespace of cgroups on a host with version 1 of them.
  expect(shared.filter((kind) => kind !== 'cgroup')).toEqual(['net']);
  await remove(node, kernel);
});
