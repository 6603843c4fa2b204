// What tests could leave behind on this machine: one line for each thing in the engine, the packet filter, the namespaces and the mount table.
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { capture } from '../engine/command.mjs';
import { get } from '../engine/ping.mjs';

const answerMs = 30_000;

/** The engine's parsed answer. Throws when it gives none. */
async function ask(dockerHost, target) {
  const reply = await get(dockerHost.replace(/^unix:\/\//, ''), target, answerMs);
  if (reply?.status !== 200) throw new Error(`the engine says ${reply?.body ?? 'nothing'} to GET ${target}`);
  return JSON.parse(reply.body);
}

async function inEngine(dockerHost) {
  const [containers, networks, { Volumes: volumes }] = await Promise.all(
    ['/containers/json?all=1', '/networks', '/volumes'].map((target) => ask(dockerHost, target)),
  );
  return [
    ...containers.map(({ Names: names, Image: image }) => `container ${names.join(' ')} of ${image}`),
    ...networks.map(({ Name: name }) => `network ${name}`),
    ...(volumes ?? []).map(({ Name: name }) => `volume ${name}`),
  ];
}

async function inPacketFilter() {
  const chains = (await capture('iptables', ['-S'])).stdout
    .split('\n')
    .filter((line) => line.startsWith('-N KERNELET-'));
  const tables = (await capture('nft', ['list', 'tables'])).stdout.split('\n');
  return [...chains, ...tables.filter((line) => line.includes(' kernelet-'))].map((line) => `firewall ${line}`);
}

async function inNamespaces() {
  const names = (await capture('ip', ['netns', 'list'])).stdout.split('\n').map((line) => line.split(' ')[0] ?? '');
  return names.filter((name) => name.startsWith('kernelet-')).map((name) => `namespace ${name}`);
}

async function inMountTable() {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  const points = table.split('\n').map((line) => line.split(' ')[4] ?? '');
  return points.filter((point) => point.startsWith(path.join(tmpdir(), 'kernelet-'))).map((point) => `mount ${point}`);
}

/**
 * What there is now.
 *
 * @param {string | undefined} dockerHost the engine that tests use; none when absent
 * @returns {Promise<ReadonlySet<string>>}
 */
export async function takeStock(dockerHost) {
  const found = [
    dockerHost === undefined ? [] : inEngine(dockerHost),
    inPacketFilter(),
    inNamespaces(),
    inMountTable(),
  ];
  return new Set((await Promise.all(found)).flat());
}

/**
 * What is there now and was not before, as an outcome beside those of the parts. What is on its way gets a moment to go.
 *
 * @param {ReadonlySet<string>} before
 * @param {string | undefined} dockerHost
 * @returns {Promise<import('./run-part.mjs').Outcome>}
 */
export async function leftSince(before, dockerHost) {
  const begun = performance.now();
  let left = [];
  for (let tries = 0; tries < 5; tries += 1) {
    left = await takeStock(dockerHost).then(
      (now) => [...now].filter((thing) => !before.has(thing)),
      (error) => [`what is left cannot be seen: ${error.message}`],
    );
    if (left.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const failures = left.map((thing) => ({ test: thing, message: 'some test left it behind' }));
  const minutes = (performance.now() - begun) / 60_000;
  return { name: 'leftovers', minutes, passed: 0, skipped: 0, failed: failures.length, failures, mended: [] };
}
