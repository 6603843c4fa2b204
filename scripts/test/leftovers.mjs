// What tests could leave behind on this machine: one line for each thing in the engine, the packet filter and the mount table.

import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { capture } from '../engine/command.mjs';

const answerMs = 30_000;

/** Asks the engine; resolves with the parsed answer. Rejects when it gives none. */
function ask(dockerHost, target) {
  return new Promise((resolve, reject) => {
    const options = { socketPath: dockerHost.replace(/^unix:\/\//, ''), path: target, timeout: answerMs };
    const sent = request(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece) => {
        text += piece;
      });
      response.on('end', () => (response.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(text))));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('the engine does not answer')));
    sent.on('error', reject);
    sent.end();
  });
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
  const found = [dockerHost === undefined ? [] : inEngine(dockerHost), inPacketFilter(), inMountTable()];
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
    left = [...(await takeStock(dockerHost))].filter((thing) => !before.has(thing));
    if (left.length === 0) break;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  const failures = left.map((thing) => ({ test: thing, message: 'some test left it behind' }));
  const minutes = (performance.now() - begun) / 60_000;
  return { name: 'leftovers', minutes, passed: 0, skipped: 0, failed: failures.length, failures, mended: [] };
}
