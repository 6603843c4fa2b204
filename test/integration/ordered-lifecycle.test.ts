/** What becomes of kernels that a manager orders when something gets in their way, on the real engine. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type KernelId, newKernelId } from '../../src/lib/ids.ts';
import { createKernelsArguments, kernelConfigFixture } from '../support/create-kernels-request.ts';
import { startDockerNode } from '../support/docker-rpc-node.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';

let node: RpcNode;
beforeAll(async () => {
  node = await startDockerNode();
});
afterEach(async () => {
  for (const { id } of await node.fixture.agent.list({ all: false }))
    await node.fixture.agent.destroy(id, { force: true });
});
afterAll(() => node?.[Symbol.asyncDispose]());

const session = randomUUID();
const reference = { registry: 'r', project: null, name: 'n', tag: 't', architecture: 'x86_64', is_local: false };
const create = (id: KernelId, change: object = {}) =>
  node.call(
    'create_kernels',
    ...createKernelsArguments(session, { [id]: kernelConfigFixture({ auto_pull: 'tag', ...change } as never) }),
  );
const destroy = (id: KernelId) => node.call('destroy_kernel', id, session, 'user-requested');
const leftovers = () => node.fixture.kernels.leftovers();
/** The container of a kernel, once it runs. */
async function runningContainer(id: KernelId): Promise<string> {
  const find = () => docker('ps', '--quiet', '--filter', `label=ai.backend.kernel-id=${id}`);
  await expect.poll(find, { timeout: 30_000 }).not.toBe('');
  return (await find()).trim();
}

describe('a kernel that is being prepared', () => {
  // @promise creation-undone
  it('leaves nothing when it is destroyed', async () => {
    const id = newKernelId();
    const made = create(id, { bootstrap_script: 'echo begun; sleep 300' }).catch(String);
    await runningContainer(id);
    expect(await destroy(id)).toBeNull();
    expect(await made).toMatch(/Error/);
    expect(await leftovers()).toEqual([]);
    expect(await docker('ps', '--all', '--quiet', '--filter', `label=ai.backend.kernel-id=${id}`)).toBe('');
  });

  it('and whose container dies tells why, with the end of its log', async () => {
    const id = newKernelId();
    const made = create(id, { bootstrap_script: 'echo the last words; sleep 300' }).catch(String);
    const container = await runningContainer(id);
    await expect.poll(() => docker('logs', container)).toContain('the last words');
    await docker('kill', container);
    const failure = await made;
    expect(failure).toMatch(/status 137/);
    expect(failure).toContain('the last words');
    expect(await leftovers()).toEqual([]);
    expect(node.fixture.kernels.events.filter((event) => event.kernelId === id).map(({ type }) => type)).toEqual([
      'kernel-preparing',
      'kernel-creating',
      'kernel-terminated',
    ]);
  });

  it('is answered for once, however often it is ordered', async () => {
    const id = newKernelId();
    const [first, second] = await Promise.all([create(id), create(id)]);
    expect(second).toEqual(first);
    expect(await create(id)).toEqual(first);
    expect(
      (await docker('ps', '--quiet', '--filter', `label=ai.backend.kernel-id=${id}`)).trim().split('\n'),
    ).toHaveLength(1);
  });
});

describe('a host port', () => {
  it('that another program has is passed over and put aside, and a restart keeps the ones of before', async () => {
    const { leases } = node.fixture.kernels;
    const next = leases.lease(newKernelId()) + 1;
    const squatter = createServer().listen(next, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const id = newKernelId();
    try {
      await create(id);
      const ports = async () =>
        (await docker('port', await runningContainer(id)))
          .trim()
          .split('\n')
          .filter((line) => line !== '')
          .toSorted();
      const before = await ports();
      expect(before).toEqual([
        `2200/tcp -> 127.0.0.1:${next + 1}`,
        `7681/tcp -> 127.0.0.1:${next + 2}`,
        `9900/tcp -> 127.0.0.1:${next + 3}`,
        `9901/tcp -> 127.0.0.1:${next + 4}`,
        `9902/tcp -> 127.0.0.1:${next + 5}`,
      ]);
      expect(leases.quarantined).toContain(next);
      const restarted = await node.call('restart_kernel', session, id, reference, {});
      expect(await ports()).toEqual(before);
      expect(restarted).toMatchObject({
        service_ports: [next + 1, next + 2, next + 3, next + 4].map((port, index) => ({
          host_ports: index === 3 ? [port, port + 1] : [port],
        })),
      });
    } finally {
      squatter.close();
    }
  });
});

describe('a run', () => {
  it('has an end at once when its kernel is destroyed or made anew', async () => {
    const [destroyed, restarted] = [newKernelId(), newKernelId()];
    await Promise.all([create(destroyed), create(restarted)]);
    const run = (id: KernelId, name: string) =>
      node.call('execute', session, id, 4, name, 'batch', '', { clean: '', build: '', exec: 'sleep 60' }, 30);
    const ends = Promise.all([run(destroyed, 'a').catch(String), run(restarted, 'b').catch(String)]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const startedAt = performance.now();
    await Promise.all([destroy(destroyed), node.call('restart_kernel', session, restarted, reference, {})]);
    const told = (await ends).map((end) => (typeof end === 'string' ? end : JSON.stringify(end)));
    expect(performance.now() - startedAt).toBeLessThan(20_000);
    for (const end of told) expect(end).toMatch(/finished|Error/);
    await expect(run(destroyed, 'c')).rejects.toThrow(/KeyError|RuntimeError/);
  });
});

describe('a call with what no runner takes', () => {
  it('fails, and costs the kernel nothing', async () => {
    const id = newKernelId();
    await create(id);
    const execute = (run: string, mode: string, code: string, options = {}) =>
      node.call('execute', session, id, 4, run, mode, code, options, 30);
    await expect(execute('a', 'query', '#'.repeat(490 * 1024))).rejects.toThrow(/ValueError.*code is longer/);
    await expect(execute('b', 'batch', '', { exec: 'echo a\0b' })).rejects.toThrow(/ValueError.*exec contains a NUL/);
    for (const place of ['a\0b', 'a'.repeat(5000)]) {
      await expect(node.call('list_files', id, place)).rejects.toThrow(/ValueError/);
      await expect(node.call('download_single', id, place)).rejects.toThrow(/ValueError/);
      await expect(node.call('upload_file', id, place, Buffer.from('x'))).rejects.toThrow(/ValueError/);
    }
    expect(await execute('c', 'batch', '', { exec: 'exit 3' })).toMatchObject({ status: 'clean-finished' });
  });
});

describe('an upload', () => {
  it('leaves no process behind', async () => {
    const id = newKernelId();
    await create(id);
    const container = await runningContainer(id);
    const processes = () => docker('top', container, '-o', 'pid,args');
    await node.call('upload_file', id, 'a', Buffer.from('x'));
    await node.call('upload_file', id, 'b/c', Buffer.alloc(1024 * 1024));
    await expect(node.call('upload_file', id, '/etc/x', Buffer.from('x'))).rejects.toThrow(/PermissionError/);
    await expect.poll(processes).not.toContain('file-worker');
    expect(await processes()).toContain('runner.js');
  });
});

describe('a folder of many files', () => {
  it('is listed whole', async () => {
    const id = newKernelId();
    await create(id);
    const names = 'f=$(printf %0150d 0); i=0; while [ $i -lt 4000 ]; do : > "$i.$f"; i=$((i + 1)); done';
    const made = { clean: `mkdir many && cd many && ${names}` };
    expect(await node.call('execute', session, id, 4, 'a', 'batch', '', made, 60)).toMatchObject({ exitCode: 0 });
    const { files, errors } = (await node.call('list_files', id, 'many')) as { files: string; errors: string };
    const listed = (JSON.parse(files) as { filename: string }[]).map(({ filename }) => Number.parseInt(filename, 10));
    expect([errors, listed.length, new Set(listed).size]).toEqual(['', 4000, 4000]);
  });
});
