/** Images on the real engine: the base from Debian packages, builds, registries that fail, foreign and odd images. */
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { importDebian } from '../../src/images/debian-packages.ts';
import { ImageService } from '../../src/images/image-service.ts';
import { foreignArchitecture, loadEmptyImage, ownArchitecture } from '../support/empty-image.ts';
import { engineGet } from '../support/engine-api.ts';
import { containerSpec } from '../support/engine-fixtures.ts';

const dockerHost = process.env['DOCKER_HOST'] ?? '';
const unique = `t${process.pid.toString(36)}${Date.now().toString(36)}`;
const never = new AbortController().signal;
const quiet = (): void => {};

let engine: DockerEngine;
let images: ImageService;
let folder: string;
const made: string[] = [];
const temporary = process.env['TMPDIR'];

beforeAll(async () => {
  engine = new DockerEngine({ dockerHost });
  images = new ImageService(engine);
  folder = await mkdtemp(path.join(tmpdir(), 'kernelet-images-test-'));
  // Temporary folders of its own, so that what others on this machine build meanwhile does not count.
  process.env['TMPDIR'] = folder;
});

afterAll(async () => {
  for (const reference of made) await engine.removeImage(reference, { force: true }, never);
  await engine[Symbol.asyncDispose]();
  if (temporary === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = temporary;
  await rm(folder, { recursive: true, force: true });
});

/** A recipe of the test's own; its image is removed at the end. */
async function recipe(name: string, dockerfile: string): Promise<{ name: string; images: ImageService }> {
  const full = `${name}-${unique}`;
  await mkdir(path.join(folder, full));
  await writeFile(path.join(folder, full, 'Dockerfile'), `ARG BASE\nFROM \${BASE}\n${dockerfile}\n`);
  made.push(`kernelet/${full}:latest`);
  return { name: full, images: new ImageService(engine, folder) };
}

/** Loads an image with nothing in it, which is removed at the end. */
async function loadEmpty(reference: string, architecture: string): Promise<void> {
  made.push(reference);
  await loadEmptyImage(reference, architecture);
}

/** Runs a command in an image to its end; its status. */
async function statusIn(image: string, command: readonly string[]): Promise<number> {
  const spec = containerSpec({
    name: `kernelet-images-test-${unique}`,
    image,
    entrypoint: command,
    limits: { cpus: 1, memoryBytes: 256 * 2 ** 20, processes: 64 },
    init: false,
  });
  const id = await engine.createContainer(spec, never);
  try {
    await engine.startContainer(id, never);
    return await engine.waitContainer(id, AbortSignal.timeout(60_000));
  } finally {
    await engine.removeContainer(id, never);
  }
}

const baseFolders = async (): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.startsWith('kernelet-base-'));

describe('the base image from Debian packages', () => {
  it('is small, works, and leaves nothing behind', async () => {
    const reference = `kernelet-test/base:${unique}`;
    made.push(reference);
    const before = await baseFolders();
    const lines: string[] = [];
    await importDebian(engine, reference, ({ message }) => lines.push(message), never);
    const image = await engine.inspectImage(reference, never);
    expect(image.os).toBe('linux');
    expect(image.sizeBytes).toBeLessThan(160_000_000);
    expect(lines.length).toBeGreaterThan(3);
    const check =
      'apt-get --version && test -d /usr/share/doc && test ! -e /usr/share/man/man1 && test -z "$(ls -A /usr/share/locale)"';
    expect(await statusIn(reference, ['/bin/sh', '-c', check])).toBe(0);
    expect(await baseFolders()).toEqual(before);
  });

  it('leaves nothing behind when it is stopped in the middle', async () => {
    const reference = `kernelet-test/stopped:${unique}`;
    made.push(reference);
    const before = await baseFolders();
    const stop = new AbortController();
    const onProgress = ({ message }: { message: string }): void => {
      if (message.startsWith('downloading')) stop.abort(new Error('enough'));
    };
    await expect(importDebian(engine, reference, onProgress, stop.signal)).rejects.toThrow();
    expect(stop.signal.aborted).toBe(true);
    await expect(engine.inspectImage(reference, never)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
    expect(await baseFolders()).toEqual(before);
  });
});

describe('recipes', () => {
  it('gives the shell image its labels', async () => {
    const view = await images.build('shell', quiet, never);
    expect(view).toMatchObject({ reference: 'kernelet/shell:latest', runtime: 'shell', labelled: true, problems: [] });
    expect((await images.list(never)).map(({ reference }) => reference)).toContain('kernelet/shell:latest');
  });

  it('fails with the last lines of the build and leaves no container', async () => {
    const broken = await recipe('broken', `RUN echo the last words; exit 7; echo ${unique}`);
    await expect(broken.images.build(broken.name, quiet, never)).rejects.toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringMatching(new RegExp(`kernelet/${broken.name}:latest[^]*the last words`)),
    });
    const left = (await engineGet('/containers/json?all=true')).filter((item) => JSON.stringify(item).includes(unique));
    expect(left).toEqual([]);
  });

  it('stops a build with its caller', async () => {
    const endless = await recipe('endless', `RUN sleep 300; echo ${unique}`);
    const stop = new AbortController();
    const started = performance.now();
    const onProgress = ({ message }: { message: string }): void => {
      if (message.includes('RUN sleep')) setTimeout(() => stop.abort(new Error('enough')), 500);
    };
    await expect(endless.images.build(endless.name, onProgress, stop.signal)).rejects.toThrow('enough');
    expect(performance.now() - started).toBeLessThan(10_000);
    const running = async (): Promise<boolean> =>
      (await engineGet('/containers/json')).some((item) => JSON.stringify(item).includes(unique));
    for (let tries = 0; tries < 100 && (await running()); tries += 1)
      await new Promise((done) => setTimeout(done, 100));
    expect(await running()).toBe(false);
  });

  it('says what is wrong with each label, and still finds the image', async () => {
    const odd = await recipe(
      'odd',
      'LABEL ai.backend.runtime-type="fortran" ai.backend.service-ports="a:http:80" ai.backend.endpoint-ports="$(id)"',
    );
    const view = await odd.images.build(odd.name, quiet, never);
    expect(view.problems.map(({ label }) => label).sort()).toEqual([
      'ai.backend.endpoint-ports',
      'ai.backend.runtime-type',
      'ai.backend.service-ports',
    ]);
    const found = await images.find({ reference: view.reference, language: undefined, pull: 'never' }, quiet, never);
    expect(found.runtime).toEqual({ type: 'app', path: null });
    expect(found.warnings).toHaveLength(3);
  });
});

describe('finding an image', () => {
  const find = (reference: string, pull: 'never' | 'missing' = 'missing') =>
    images.find({ reference, language: undefined, pull }, quiet, never);

  it('gives up a registry that says nothing within 15 s, with the name of the image', async () => {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket.on('error', () => {})));
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' && address ? address.port : 0;
    try {
      const started = performance.now();
      await expect(find(`127.0.0.1:${port}/silent:1`)).rejects.toMatchObject({
        code: 'IMAGE_PULL_FAILED',
        message: expect.stringContaining(`127.0.0.1:${port}/silent:1`),
      });
      expect(performance.now() - started).toBeLessThan(15_000);
      expect(sockets.size).toBeGreaterThan(0);
    } finally {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    }
  });

  it('passes on what the registry or the engine says', async () => {
    await expect(find('127.0.0.1:1/refused:1')).rejects.toMatchObject({
      code: 'IMAGE_PULL_FAILED',
      message: expect.stringMatching(/127\.0\.0\.1:1\/refused:1.*refused/),
    });
    await expect(find(`no-such-${unique}`, 'never')).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
  });

  it('refuses an image for another processor and names both', async () => {
    const reference = `kernelet-test/foreign:${unique}`;
    await loadEmpty(reference, foreignArchitecture);
    await expect(find(reference)).rejects.toMatchObject({
      code: 'IMAGE_UNUSABLE',
      message: `image ${reference} is for linux/${foreignArchitecture}: this machine runs linux/${ownArchitecture}`,
    });
  });

  it('takes an image with nothing in it, by name and by id', async () => {
    const reference = `kernelet-test/empty:${unique}`;
    await loadEmpty(reference, ownArchitecture);
    const found = await find(reference, 'never');
    expect(found).toMatchObject({ reference, runtime: { type: 'shell', path: null }, warnings: [] });
    expect((await find(found.image.id, 'never')).image.id).toBe(found.image.id);
    expect((await find(found.image.id.slice(7, 19), 'never')).image.id).toBe(found.image.id);
  });
});
