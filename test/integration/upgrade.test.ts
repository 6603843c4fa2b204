import { chmod, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineCall } from '../support/engine-api.ts';
import { callApi } from '../support/local-api.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const release = path.resolve(import.meta.dirname, '../fixtures/state-folders/0.1.0-537d236');
const volume = path.resolve(import.meta.dirname, '../../dist/runner-volume');
/** Kernels whose containers stand: they have no network, whose names depend on the state folder's path. */
const living = { shell: 'ecc2764f-4eea-4e59-8607-38a14fac68f6', python: 'c1150ada-b86b-4b4d-bcde-2062e2cdd9a1' };
/** Kernels of which the container is gone. */
const gone = [
  '9c28f691-4cb2-4e6d-80be-fd296a01a4be',
  '68dcc9d2-aba6-4458-bf70-f0b7a51629b8',
  '5b0c8f52-9f0b-4f4e-8a39-3f6f1f0c7a11',
];
/** A kernel whose creation the old daemon had begun. */
const begun = '99bd7203-f4ae-4792-8e7b-b305f46f8117';

interface OldContainer {
  readonly name: string;
  readonly id: string;
  readonly image: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Lays the old state folder as that daemon had it: modes, homes, and sockets' folders. */
async function layState(stateDir: string): Promise<void> {
  await cp(path.join(release, 'standalone'), stateDir, { recursive: true });
  await chmod(stateDir, 0o700);
  for (const kernel of await readdir(path.join(stateDir, 'scratch'))) {
    const root = path.join(stateDir, 'scratch', kernel);
    await chmod(root, 0o711);
    for (const [name, mode] of [
      ['run', 0o700],
      ['private', 0o700],
      ['work', 0o777],
      ['config', 0o755],
    ] as const) {
      await mkdir(path.join(root, name), { recursive: true });
      await chmod(path.join(root, name), mode);
    }
  }
}

/** Starts an old container anew with the labels it had, and makes the record name it and the image of this machine. */
async function startOld({ name, id, image, body }: OldContainer, stateDir: string): Promise<void> {
  const text = JSON.stringify({ ...body, Image: image })
    .replaceAll('STATE', stateDir)
    .replaceAll('VOLUME', volume);
  const made = await engineCall('POST', `/containers/create?name=${name}`, JSON.parse(text));
  const { Id: newId } = JSON.parse(made.text) as { readonly Id?: string };
  if (newId === undefined) throw new Error(`the container ${name} was not created: ${made.text}`);
  expect((await engineCall('POST', `/containers/${newId}/start`)).status).toBe(204);
  const { Image } = JSON.parse((await engineCall('GET', `/containers/${newId}/json`)).text) as {
    readonly Image: string;
  };
  const file = path.join(stateDir, 'kernels', name.split('.').at(-1) ?? '', 'record.json');
  const record = (await readFile(file, 'utf8')).replaceAll(id, newId);
  await writeFile(file, record.replace(/(?<="image":\{[^{}]*"id":")sha256:[0-9a-f]{64}/, Image));
}

// @promise upgrade
describe('a daemon that is started on the state folder of the release before', () => {
  let node: NodeUnderTest;
  beforeAll(async () => {
    // Kernels whose containers are gone are missing at first.
    node = await NodeUnderTest.make({ configuration: '[kernelet]\nmissing-grace = "1s"\n' });
    await layState(node.stateDir);
    const containers: readonly OldContainer[] = JSON.parse(
      await readFile(path.join(release, 'standalone-containers.json'), 'utf8'),
    );
    const standing = containers.filter(({ name }) => Object.values(living).some((kernel) => name.endsWith(kernel)));
    expect(standing).toHaveLength(2);
    for (const container of standing) await startOld(container, node.stateDir);
    await node.startDaemon();
  });
  afterAll(() => node[Symbol.asyncDispose]());

  interface Listed {
    readonly id: string;
    readonly phase: string;
    readonly missingSince: number | null;
    readonly termination: { readonly reason: string } | null;
  }
  const listed = async (): Promise<readonly Listed[]> => JSON.parse((await node.run(['ps', '--all', '--json'])).text);

  it('adopts the kernels that run, with what they hold', async () => {
    const running = (await listed()).filter(({ phase, missingSince }) => phase === 'running' && missingSince === null);
    expect(running.map(({ id }) => id).toSorted()).toEqual(Object.values(living).toSorted());
    await expect
      .poll(async () => (await callApi(node.socket, 'GET', '/v1/status')).document, { timeout: 60_000 })
      .toMatchObject({ slots: { memoryBytes: { used: 96 * 2 ** 20 }, ports: { used: 0 } } });
  });

  it('runs code in them', async () => {
    expect(await node.run(['exec', living.shell, '-c', 'echo in $PWD'])).toMatchObject({
      status: 0,
      text: 'in /home/work\n',
    });
    expect(await node.run(['exec', living.python, '-c', 'print(6 * 7)'])).toMatchObject({ status: 0, text: '42\n' });
  });

  it('ends those whose containers are gone, and undoes the creation that was under way', async () => {
    await expect
      .poll(
        async () => {
          const ended = (await listed()).filter(({ termination }) => termination !== null);
          return ended.map(({ id }) => id).toSorted();
        },
        { timeout: 60_000 },
      )
      .toEqual([...gone, begun].toSorted());
    expect((await listed()).find(({ id }) => id === begun)?.termination?.reason).toBe('failed-to-create');
  });

  it('goes on with the numbers of events and keeps the record that was put aside', async () => {
    const events = (await node.run(['events', '--json'])).text.trim().split('\n');
    const numbers = events.map((line) => (JSON.parse(line) as { readonly sequence: number }).sequence);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    expect(numbers.length).toBeGreaterThan(33);
    expect(await readdir(path.join(node.stateDir, 'quarantine'))).toHaveLength(1);
  });

  it('restarts an adopted kernel, whose next container is today’s', async () => {
    expect(await node.run(['restart', living.shell])).toMatchObject({ status: 0, stderr: '' });
    expect(await node.run(['exec', living.shell, '-c', 'echo again'])).toMatchObject({ status: 0, text: 'again\n' });
  });
});
