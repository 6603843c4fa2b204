import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { listenAt } from '../http/placed-socket.ts';
import { type Logger, silentLogger } from '../lib/log.ts';
import { serveSnapshots } from './state-snapshot.ts';

let folder: string;
let place: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'snapshot-socket-'));
  place = path.join(folder, 'ipc', 'agent-registry-snapshot.sock');
  warnings = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
const ask = (): Promise<string> => text(connect(place));

it('gives a snapshot and the end to each who connects, and one to those who come together', async () => {
  let taken = 0;
  const gate = Promise.withResolvers<void>();
  const take = async (): Promise<string> => {
    taken += 1;
    await gate.promise;
    return `snapshot ${taken} ${'x'.repeat(1_000_000)}`;
  };
  await using _served = await serveSnapshots(place, { take, listenAt, log });
  expect((await stat(place)).mode & 0o777).toBe(0o600);
  const peers = [connect(place), connect(place), connect(place)];
  await Promise.all(peers.map((peer) => once(peer, 'connect')));
  // In this time the server has seen them too.
  await new Promise((resolve) => setTimeout(resolve, 100));
  gate.resolve();
  const answers = await Promise.all(peers.map((peer) => text(peer)));
  expect(answers.map((answer) => [answer.slice(0, 10), answer.length])).toEqual(
    answers.map(() => ['snapshot 1', 1_000_011]),
  );
  expect((await ask()).slice(0, 10)).toBe('snapshot 2');
});

it('answers those who close their own side at once', async () => {
  const take = async (): Promise<string> => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return 'snapshot';
  };
  await using _served = await serveSnapshots(place, { take, listenAt, log });
  expect(await text(connect({ path: place, allowHalfOpen: true }).end())).toBe('snapshot');
});

it('serves on after one that failed', async () => {
  let fails = true;
  const take = async (): Promise<string> => {
    if (fails) throw new Error('no');
    return 'snapshot';
  };
  await using _served = await serveSnapshots(place, { take, listenAt, log });
  expect([await ask(), warnings.length]).toEqual(['', 1]);
  fails = false;
  expect(await ask()).toBe('snapshot');
});

it('ends with peers that hang, and leaves no socket', async () => {
  const served = await serveSnapshots(place, { take: () => new Promise(() => {}), listenAt, log });
  const peer = connect(place);
  await new Promise((resolve) => peer.once('connect', resolve));
  const closed = new Promise((resolve) => peer.once('close', resolve));
  await served[Symbol.asyncDispose]();
  await closed;
  expect(await readdir(path.dirname(place))).toEqual([]);
});

it('goes without where it cannot be', async () => {
  await using _first = await serveSnapshots(place, { take: async () => 'first', listenAt, log });
  await using _second = await serveSnapshots(place, { take: async () => 'second', listenAt, log });
  const file = path.join(folder, 'precious');
  await writeFile(file, '');
  await using _third = await serveSnapshots(file, { take: async () => 'third', listenAt, log });
  expect(warnings).toEqual(Array(2).fill('snapshots of the state are not served'));
  expect(await ask()).toBe('first');
});
