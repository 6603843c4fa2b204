/** Services and models as a manager asks for them, in real containers, reached over the ports of the host. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { allowMounts } from '../../src/storage/mounts/mount-policy.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { startDockerNode } from '../support/docker-rpc-node.ts';
import { localFiles } from '../support/foreign-files.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';

const image = 'kernelet-test-apps:latest';
const webapp = {
  command: ['{runtime_path}', '-m', 'http.server', '{ports[0]}'],
  url_template: 'http://{host}:{port}',
  allowed_arguments: ['--directory'],
  allowed_envs: ['WEB_ENV'],
};

let node: RpcNode;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kernelet-apps-'));
  await mkdir(join(folder, 'backend.ai/service-defs'), { recursive: true });
  await writeFile(join(folder, 'backend.ai/service-defs/webapp.json'), JSON.stringify(webapp));
  const made = (await docker('create', 'kernelet/python', 'true')).trim();
  await docker('cp', join(folder, 'backend.ai'), `${made}:/etc/`);
  await docker('commit', made, image);
  await docker('rm', made);
  node = await startDockerNode({
    checkMounts: (mounts) => allowMounts(mounts, { allow: ['/'], refuse: [] }, localFiles),
  });
});
afterAll(async () => {
  for (const { id } of (await node?.fixture.agent.list({ all: false })) ?? []) {
    await node.fixture.agent.destroy(id, { force: true });
  }
  await node?.[Symbol.asyncDispose]();
  await docker('rmi', '-f', image);
  await rm(folder, { recursive: true, force: true });
});

interface Created {
  readonly service_ports: readonly { readonly name: string; readonly host_ports: readonly number[] }[];
}

async function create(change: Parameters<typeof kernelConfigFixture>[0]): Promise<{ id: KernelId; created: Created }> {
  const id = newKernelId();
  const { image: usual } = kernelConfigFixture();
  const labels = { 'ai.backend.service-ports': 'webapp:http:9901', 'ai.backend.runtime-type': 'python' };
  const chosen = { ...(usual as object), canonical: image, labels };
  const config = kernelConfigFixture({ auto_pull: 'none', image: chosen, ...change });
  const made = await node.call('create_kernels', ...createKernelsArguments(randomUUID(), { [id]: config }));
  return { id, created: (made as unknown as readonly Created[])[0] ?? { service_ports: [] } };
}
const portOf = ({ service_ports: ports }: Created, name: string): number =>
  ports.find((port) => port.name === name)?.host_ports[0] ?? 0;
const page = async (port: number): Promise<number> => (await fetch(`http://127.0.0.1:${port}/`)).status;

// @promise applications
it('starts what the image defines, on the same port of the host after a restart', async () => {
  const { id, created } = await create({});
  expect(created.service_ports.map(({ name }) => name)).toEqual(['sshd', 'ttyd', 'webapp']);
  expect(created.service_ports[2]).toMatchObject({
    ...{ url_template: 'http://{host}:{port}', allowed_arguments: ['--directory'], allowed_envs: ['WEB_ENV'] },
  });
  const port = portOf(created, 'webapp');
  expect(await node.call('start_service', id, 'ttyd', {})).toEqual({ status: 'running' });
  expect(await page(portOf(created, 'ttyd'))).toBe(200);
  expect(await node.call('start_service', id, 'webapp', { arguments: { '--evil': '1' } })).toEqual({
    status: 'failed',
    error: "DisallowedArgument('Argument --evil not allowed for service webapp')",
  });
  const chosen = { arguments: { '--directory': '/home/work' }, envs: { WEB_ENV: '1' } };
  expect(await node.call('start_service', id, 'webapp', chosen)).toEqual({ status: 'started' });
  expect(await page(port)).toBe(200);
  expect(await node.call('start_service', id, 'webapp', {})).toEqual({ status: 'running' });
  expect(await node.call('shutdown_service', id, 'webapp')).toBeNull();
  await expect(page(port)).rejects.toThrow();
  const reference = { registry: 'r', project: null, name: 'n', tag: 't', architecture: 'x86_64', is_local: false };
  const again = (await node.call('restart_kernel', randomUUID(), id, reference, {})) as unknown as Created;
  expect(portOf(again, 'webapp')).toBe(port);
  expect(await node.call('start_service', id, 'webapp', {})).toEqual({ status: 'started' });
  expect(await page(port)).toBe(200);
});

it('serves the model of an inference session, and tells how it is', async () => {
  const models = join(folder, 'models');
  await mkdir(models);
  await chmod(folder, 0o755);
  const definition = `models:
  - name: pages
    model_path: /models
    service:
      start_command: ["{runtime_path}", "-m", "http.server", "{ports[0]}"]
      port: 8080
      health_check: { path: /, max_retries: 1, max_wait_time: 1 }
`;
  await writeFile(join(models, 'model-definition.yaml'), definition);
  const mount = { name: 'm', vfid: 'x', vfsubpath: '.', host_path: models, kernel_path: '/models' };
  const { id, created } = await create({
    session_type: 'inference',
    mounts: [{ ...mount, mount_perm: 'ro', usage_mode: 'model' }],
  });
  expect(created.service_ports.at(-1)).toMatchObject({ name: 'pages-8080', protocol: 'preopen', is_inference: true });
  const told = () => node.fixture.kernels.events.filter((event) => event.type === 'model-health');
  await vi.waitFor(() => expect(told()).toMatchObject([{ kernelId: id, model: 'pages', healthy: true }]), {
    timeout: 30_000,
    interval: 100,
  });
  expect(await page(portOf(created, 'pages-8080'))).toBe(200);
});
