import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { uniqueName } from '../support/engine.ts';
import { engineCall } from '../support/engine-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started();
});
afterAll(() => node[Symbol.asyncDispose]());

const text = async (...args: string[]): Promise<string> => (await node.run(args)).text;

async function containerOf(id: string): Promise<string> {
  return /"containerId":"([0-9a-f]+)"/.exec(await text('inspect', id, '--json'))?.[1] ?? '';
}

async function terminationOf(id: string): Promise<string> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const reason = /"termination":\{"reason":"([a-z-]+)"/.exec(await text('inspect', id, '--json'))?.[1];
    if (reason) return reason;
    await sleep(100);
  }
  return 'none';
}

describe('after kill -9 of the daemon', () => {
  // @promise daemon-killed
  it('kernels, their memory, ports and slots are as they were', async () => {
    const id = await node.create('--lang', 'python', '--publish', '9000');
    await node.run(['exec', id, '-c', 'state = "kept"']);
    const before = {
      view: await text('inspect', id, '--json'),
      slots: /"slots":\{.*?\}\}/.exec(await text('ps', '--json', '--status'))?.[0],
    };
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await text('exec', id, '-c', 'state')).toBe("'kept'\n");
    const ports = (view: string): string | undefined => /"ports":\[[^\]]*\]/.exec(view)?.[0];
    expect(ports(await text('inspect', id, '--json'))).toBe(ports(before.view));
    expect((await node.run(['rm', id])).status).toBe(0);
  });

  // @promise run-once
  it('a run goes on, and its reader gets every line once', async () => {
    const id = await node.create('--lang', 'python');
    const { outcome } = node.start([
      'exec',
      id,
      '-c',
      'import time\nfor i in range(20):\n    print(i, flush=True); time.sleep(0.1)',
    ]);
    await sleep(600);
    await node.endDaemon('SIGKILL');
    await sleep(300);
    await node.startDaemon();
    expect(await outcome).toMatchObject({
      status: 0,
      text: Array.from({ length: 20 }, (_, index) => `${index}\n`).join(''),
    });
    await node.run(['rm', id]);
  });

  it('a kernel that died meanwhile has ended with its reason, once', async () => {
    const id = await node.create('--lang', 'shell');
    const container = await containerOf(id);
    await node.endDaemon('SIGKILL');
    await engineCall('POST', `/containers/${container}/kill`);
    await node.startDaemon();
    expect(await terminationOf(id)).toBe('self-terminated');
    const events = (await text('events', '--json'))
      .split('\n')
      .filter((line) => line.includes(id) && line.includes('kernel-terminated'));
    expect(events).toHaveLength(1);
  });

  it('a kernel whose container somebody has renamed is as it was', async () => {
    const id = await node.create('--lang', 'shell');
    const container = await containerOf(id);
    await engineCall('POST', `/containers/${container}/rename?name=${uniqueName('mine')}`);
    await node.endDaemon('SIGKILL');
    await node.startDaemon();
    expect(await text('exec', id, '-c', 'echo here')).toBe('here\n');
    expect(await text('inspect', id, '--json')).toContain('"missingSince":null');
    await engineCall('POST', `/containers/${container}/kill`);
    expect(await terminationOf(id)).toBe('self-terminated');
  });

  it('a corrupt record is put aside and the others are restored', async () => {
    const id = await node.create('--lang', 'shell');
    await node.endDaemon('SIGKILL');
    const folder = path.join(node.stateDir, 'kernels', '11111111-1111-4111-8111-111111111111');
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'record.json'), '{"version": 1, "spec": ');
    await node.startDaemon();
    expect(await text('exec', id, '-c', 'echo here')).toBe('here\n');
    await node.run(['rm', id]);
  });
});

describe('what happens behind the daemon', () => {
  // @promise true-cause
  it.each([
    ['kill', 'self-terminated', (container: string) => engineCall('POST', `/containers/${container}/kill`)],
    [
      'rm -f',
      'container-not-found',
      (container: string) => engineCall('DELETE', `/containers/${container}?force=true`),
    ],
  ])('docker %s ends the kernel once, as %s', async (_, reason, act) => {
    const id = await node.create('--lang', 'shell');
    await act(await containerOf(id));
    expect(['self-terminated', reason]).toContain(await terminationOf(id));
    const events = (await text('events', '--json'))
      .split('\n')
      .filter((line) => line.includes(id) && line.includes('kernel-terminated'));
    expect(events).toHaveLength(1);
  });
});

describe('one state folder', () => {
  it('has one daemon: a second one is refused', async () => {
    const outcome = await node.run(['serve'], {
      environment: { KERNELET_SOCKET: path.join(node.folder, 'other.sock') },
    });
    expect(outcome.status).toBe(75);
    expect(outcome.stderr).toMatch(/in use by the process \d+/);
  });

  it('has one daemon also when somebody removes the file of the lock', async () => {
    await rm(path.join(node.stateDir, 'lock'));
    const outcome = await node.run(['serve'], {
      environment: { KERNELET_SOCKET: path.join(node.folder, 'other.sock') },
    });
    expect(outcome.status).toBe(75);
    expect(outcome.stderr).toMatch(/in use by another process/);
  });

  // @promise stop-ends-nothing
  it('keeps kernels when the daemon is told to stop', async () => {
    const id = await node.create('--lang', 'python');
    await node.run(['exec', id, '-c', 'v = 5']);
    await node.endDaemon('SIGTERM');
    await node.startDaemon();
    expect(await text('exec', id, '-c', 'v')).toBe('5\n');
    await node.run(['rm', id]);
  });
});
