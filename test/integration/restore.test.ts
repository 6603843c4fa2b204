/** Homes of kernels that end: those whose end nobody asked for come back. */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { eventually, kernelsOf, statusOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
beforeAll(async () => {
  node = await NodeUnderTest.started({ configuration: '[kernelet]\nmissing-grace = "1s"\n' });
});
afterAll(() => node?.[Symbol.asyncDispose]());

const containerOf = async (id: string): Promise<string> =>
  (await kernelsOf(node)).find((kernel) => kernel.id === id)?.containerId ?? '';

/** A kernel with a file in its home. */
async function precious(): Promise<string> {
  const id = await node.create('--lang', 'shell', '--env', 'KEPT=yes');
  await node.run(['exec', id, '-c', 'mkdir -p below && echo x > below/precious']);
  return id;
}

const untilGone = (id: string): Promise<true> =>
  eventually(
    'the kernel has ended',
    async () => ((await kernelsOf(node)).every((kernel) => kernel.id !== id) ? true : null),
    60_000,
  );

async function keptIds(): Promise<readonly string[]> {
  const listed: unknown = JSON.parse((await node.run(['restore', '--json'])).text);
  return Array.isArray(listed) ? listed.map(({ id }: { id: string }) => id) : [];
}

describe('a kernel that ends by itself', () => {
  // @promise homes-kept
  it('comes back with its id, its variables and its files', async () => {
    const id = await precious();
    await engineCall('POST', `/containers/${await containerOf(id)}/kill`);
    await untilGone(id);
    const listing = (await node.run(['restore'])).text;
    expect(listing).toMatch(new RegExp(`^${id} .*self-terminated.*kernelet/shell`, 'm'));
    expect((await node.run(['restore', id.slice(0, 8)])).text).toBe(`${id}\n`);
    expect((await node.run(['exec', id, '-c', 'echo $KEPT; cat below/precious'])).text).toBe('yes\nx\n');
    expect(await keptIds()).toEqual([]);
    await node.run(['rm', id]);
    expect(await keptIds()).toEqual([]);
    expect(await readdir(path.join(node.stateDir, 'scratch', '.kept'))).toEqual([]);
  });

  it('gives its files to a folder that is closed to others', async () => {
    const id = await precious();
    await engineCall('POST', `/containers/${await containerOf(id)}/kill`);
    await untilGone(id);
    const to = path.join(node.folder, 'found');
    expect(await node.run(['restore', id, '--to', 'found'], { directory: node.folder })).toMatchObject({
      status: 0,
      text: `${to}\n`,
    });
    expect(await readFile(path.join(to, 'below', 'precious'), 'utf8')).toBe('x\n');
    expect((await stat(to)).mode & 0o777).toBe(0o700);
    expect(await keptIds()).toEqual([]);
    expect((await node.run(['restore', id])).stderr).toContain(`no kernel ${id}`);
  });
});

describe('a container that is removed while no daemon is there', () => {
  // @promise missing-first
  it('makes its kernel missing, which ends after the grace, and its files are kept', async () => {
    const id = await precious();
    const container = await containerOf(id);
    const other = await precious();
    await node.endDaemon('SIGKILL');
    await engineCall('DELETE', `/containers/${container}?force=true`);
    await node.startDaemon();
    const missing = (await kernelsOf(node)).find((kernel) => kernel.id === id);
    expect(missing).toMatchObject({ phase: 'running', missingSince: expect.any(Number) });
    expect((await node.run(['ps'])).text).toMatch(new RegExp(`${id.slice(0, 8)} .*running \\(missing\\)`));
    const refused = await node.run(['exec', id, '-c', 'true']);
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain('has not listed the container');
    expect((await statusOf(node)).engine.healthy).toBe(true);
    await untilGone(id);
    expect(await keptIds()).toEqual([id]);
    expect((await node.run(['restore', id])).text).toBe(`${id}\n`);
    expect((await node.run(['exec', id, '-c', 'cat below/precious'])).text).toBe('x\n');
    expect((await node.run(['exec', other, '-c', 'cat below/precious'])).text).toBe('x\n');
    await node.run(['rm', id, other]);
  });
});
