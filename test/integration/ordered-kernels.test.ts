/** What a manager orders for a kernel, looked for in real containers: files, keys, scripts, folders, variables. */
import { randomUUID } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { allowMounts } from '../../src/storage/mounts/mount-policy.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { shellIn, startDockerNode } from '../support/docker-rpc-node.ts';
import { localFiles } from '../support/foreign-files.ts';
import type { RpcNode } from '../support/rpc-node.ts';

let node: RpcNode;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-vfroot-'));
  node = await startDockerNode({
    checkMounts: (mounts) => allowMounts(mounts, { allow: ['/'], refuse: [] }, localFiles),
  });
});
afterEach(async () => {
  for (const { id } of await node.fixture.agent.list({ all: false }))
    await node.fixture.agent.destroy(id, { force: true });
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const reference = { registry: 'r', project: null, name: 'n', tag: 't', architecture: 'x86_64', is_local: false };
const keys = { public_key: 'ssh-rsa AAAA work', private_key: '-----SECRET KEY-----' };

async function create(change: Parameters<typeof kernelConfigFixture>[0], cluster = {}): Promise<KernelId> {
  const id = newKernelId();
  const config = kernelConfigFixture({ auto_pull: 'tag', ...change });
  await node.call('create_kernels', ...createKernelsArguments(randomUUID(), { [id]: config }, cluster));
  return id;
}
const restart = (id: KernelId) => node.call('restart_kernel', randomUUID(), id, reference, {});
const shell = (id: KernelId, script: string) => shellIn(node, id, script);

/** A virtual folder of the kernel's user. */
async function virtualFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await chown(path, 1000, 1000);
  return path;
}
const mount = (host: string, target: string, change: object = {}) => ({
  name: 'm',
  vfid: 'x',
  vfsubpath: '.',
  host_path: host,
  kernel_path: target,
  mount_perm: 'rw',
  usage_mode: 'general',
  ...change,
});

describe('files', () => {
  it('are there before the kernel is ready, each with its mode, and a restart leaves what was made of them', async () => {
    const id = await create(
      {
        bootstrap_script: 'cat ~/.config/tool/rc >~/seen; echo "$USER_VARIABLE" >>~/seen; sleep 1; echo done >>~/seen',
        internal_data: {
          ssh_keypair: keys,
          dotfiles: [
            { path: '.config/tool/rc', perm: '600', data: 'colour' },
            { path: '/etc/ld.so.preload', perm: '644', data: '/home/work/evil.so' },
          ],
        },
      },
      { ssh_keypair: keys },
    );
    expect(await shell(id, 'cat ~/seen')).toBe('colour\na b=c\ndone\n');
    const look =
      'cd; stat -c "%a %U %n" .ssh .ssh/authorized_keys .ssh/id_rsa id_container .config .config/tool .config/tool/rc .bashrc bootstrap.sh /home/config/ssh/id_cluster*';
    expect((await shell(id, look)).trim().split('\n')).toEqual([
      '700 work .ssh',
      '600 work .ssh/authorized_keys',
      '600 work .ssh/id_rsa',
      '600 work id_container',
      '700 work .config',
      '700 work .config/tool',
      '600 work .config/tool/rc',
      '644 work .bashrc',
      '644 work bootstrap.sh',
      '600 work /home/config/ssh/id_cluster',
      '644 work /home/config/ssh/id_cluster.pub',
    ]);
    expect(await shell(id, 'cat /home/config/ssh/id_cluster; test -e /etc/ld.so.preload || echo none')).toBe(
      '-----SECRET KEY-----\nnone\n',
    );
    await shell(id, 'echo mine >~/.config/tool/rc; rm ~/.bashrc ~/seen; ln -s /etc ~/.ssh2');
    await restart(id);
    expect(await shell(id, 'cat ~/seen ~/.config/tool/rc; test -e ~/.bashrc || echo gone')).toBe(
      'mine\na b=c\ndone\nmine\ngone\n',
    );
    expect(await shell(id, 'cat /home/config/ssh/id_cluster')).toBe('-----SECRET KEY-----\n');
  });

  it('with secrets can be read by nobody else, and are in no view of the kernel', async () => {
    const id = await create({ internal_data: { ssh_keypair: keys } });
    const { agent, kernels } = node.fixture;
    expect(JSON.stringify(await agent.inspect(id))).not.toContain('SECRET');
    const container = (await agent.inspect(id)).containerId ?? '';
    expect(JSON.stringify(await kernels.engine.inspectContainer(container, AbortSignal.timeout(5000)))).not.toContain(
      'SECRET',
    );
    const { kernels: journal } = kernels.state;
    const records = [join(journal, id, 'record.json'), join(kernels.kernels.scratch.paths(id).private, 'record.json')];
    for (const path of records) {
      expect(await readFile(path, 'utf8')).toContain('SECRET');
      expect((await stat(path)).mode & 0o077).toBe(0);
    }
    expect(await shell(id, 'grep -rs SECRET /home/config /opt/kernel /proc/1/environ || echo none')).toBe('none\n');
  });
});

describe('variables', () => {
  it('reach programs whatever their names and values are, and scripts where a line can carry them', async () => {
    const environ = { 'my-var.x': '1', LINES: 'a\nb=c', PLAIN: 'x=y', BACKENDAI_CLUSTER_HOST: 'main1' };
    const id = await create({ environ });
    expect(await shell(id, 'tr "\\0" "@" </proc/self/environ')).toMatch(/my-var\.x=1@(.*@)?LINES=a\nb=c@/s);
    expect(await shell(id, 'cat /home/config/environ.txt')).toBe('PLAIN=x=y\nBACKENDAI_CLUSTER_HOST=main1\n');
    expect(await shell(id, 'echo $LOCAL_USER_ID $LOCAL_GROUP_ID $HOME $(id -un)')).toBe('1000 1000 /home/work work\n');
  });
});

describe('what a kernel sees of its node', () => {
  it('is the time zone, which it cannot change', async () => {
    const zone = join(folder, 'localtime');
    await writeFile(zone, await readFile('/usr/share/zoneinfo/Asia/Seoul').catch(() => 'a zone'));
    const views = async () => [{ source: zone, target: '/etc/localtime', readOnly: true }];
    await using own = await startDockerNode({ container: { views } });
    const id = newKernelId();
    const config = kernelConfigFixture({ auto_pull: 'tag' });
    await own.call('create_kernels', ...createKernelsArguments(randomUUID(), { [id]: config }));
    const size = (await stat(zone)).size;
    expect(await shellIn(own, id, 'stat -L -c %s /etc/localtime; echo x 2>&1 >/etc/localtime || echo refused')).toMatch(
      new RegExp(`^${size}\\n(.*\\n)?refused\\n$`),
    );
    await own.fixture.agent.destroy(id, { force: true });
  });
});

describe('virtual folders', () => {
  it('are mounted with their permission, in folders of the home that are the user’s', async () => {
    const [open, shut] = [await virtualFolder('open'), await virtualFolder('shut')];
    await writeFile(join(shut, 'file'), 'kept');
    const id = await create({
      mounts: [
        mount(open, '/home/work/data/deep/open'),
        mount(shut, '/home/work/shut', { mount_perm: 'ro' }),
        mount(shut, '/srv/shut', { mount_perm: 'ro' }),
        mount(join(shut, 'file'), '/home/work/one-file', { vfsubpath: 'file', mount_perm: 'ro' }),
        mount(open, '/home/work/data/deep/open', { mount_perm: 'wd' }),
      ],
    });
    await shell(
      id,
      'echo written >~/data/deep/open/new; mkdir ~/data/mine; mv ~/data/deep/open/new ~/data/deep/open/newer',
    );
    expect(await readFile(join(open, 'newer'), 'utf8')).toBe('written\n');
    expect(await shell(id, 'cat ~/shut/file /srv/shut/file ~/one-file; rm -f ~/shut/file 2>&1 || true')).toMatch(
      /^keptkeptkept.*Read-only file system/,
    );
    expect(await readFile(join(shut, 'file'), 'utf8')).toBe('kept');
    await restart(id);
    expect(await shell(id, 'cat ~/data/deep/open/newer')).toBe('written\n');
  });

  it('that lead out of themselves, are not there, or lie over the kernel’s own are refused, and nothing is left', async () => {
    const [mine, other] = [await virtualFolder('mine'), await virtualFolder('other')];
    await symlink(other, join(mine, 'way'));
    await symlink('/etc', join(mine, 'system'));
    for (const [wanted, why] of [
      [mount(join(mine, 'way'), '/home/work/x', { vfsubpath: 'way' }), /a link leads out of/],
      [mount(join(mine, 'system'), '/home/work/x', { vfsubpath: 'system' }), /folder of the system/],
      [mount(join(mine, 'absent'), '/home/work/x'), /no such path/],
      [mount(mine, '/home/work'), /belongs to the kernel/],
      [mount(mine, '/home/config/x'), /belongs to the kernel/],
      [mount(mine, '/opt/backend.ai/bin'), /belongs to the kernel/],
      [mount('relative', '/home/work/x'), /not an absolute path/],
    ] as const) {
      await expect(create({ mounts: [wanted] })).rejects.toThrow(why);
    }
    expect(await node.fixture.kernels.leftovers()).toEqual([]);
    expect(await node.fixture.agent.list({ all: false })).toEqual([]);
  });
});
