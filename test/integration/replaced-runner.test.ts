/** Root of a container, in the place of the runner: what it invents is nobody else's trouble. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { defaultHardening } from '../../src/kernel/container/container-spec.ts';
import { type KernelId, newRunId } from '../../src/lib/ids.ts';
import { protocolGeneration } from '../../src/protocol/agent-frames.ts';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import { imageScript } from '../../src/protocol/runner-config.ts';
import { shellIn, startDockerNode } from '../support/docker-rpc-node.ts';
import { uniqueName, within } from '../support/engine.ts';
import type { RpcNode } from '../support/rpc-node.ts';
import { docker } from '../support/runner-container.ts';
import { commitImage } from '../support/runner-images.ts';

const image = `${uniqueName('kernelet-test-replaced').toLowerCase()}:latest`;

/** Runs in the container before the runner, listens in its place, and never ends. */
const program = `
const fs = require('node:fs');
const net = require('node:net');
const { kernelId } = JSON.parse(fs.readFileSync('${containerPaths.config}'));
const status = { phase: 'ready', interpreter: 'none', detail: '', startedAt: 1, logBytesDropped: 0, models: [] };
const end = { last: 1, oldest: 1, exitCode: 0, reason: 'exited' };
function frame(header) {
  const head = Buffer.from(JSON.stringify(header));
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(4 + head.length, 0);
  lengths.writeUInt32BE(head.length, 4);
  return Buffer.concat([lengths, head]);
}
let count = 0;
net.createServer((socket) => {
  socket.on('error', () => {}).on('data', () => {});
  socket.write(frame({ t: 'welcome', protocol: ${protocolGeneration}, kernelId, generation: 1, status, runs: [] }));
  const flood = () => {
    for (;;) {
      const frames = Array.from({ length: 1000 }, () => frame({ t: 'run', summary: { ...end, run: 'x' + count++, phase: 'finished' } }));
      if (socket.destroyed) return;
      if (!socket.write(Buffer.concat(frames))) return void socket.once('drain', flood);
    }
  };
  setTimeout(flood, 1000);
}).listen('${containerPaths.socket}');
`;

let node: RpcNode;
beforeAll(async () => {
  await commitImage(
    image,
    `mkdir -p /opt/container
cat >/replaced.cjs <<'X'
${program}X
echo 'exec ${containerPaths.volume}/bin/node /replaced.cjs' >${imageScript}
chmod 755 ${imageScript}`,
  );
  const hardening = {
    ...defaultHardening,
    imageBootstrap: 'root',
    imageCapabilities: ['SETPCAP', 'SETUID', 'SETGID', 'KILL'],
  } as const;
  node = await startDockerNode({ container: { hardening } });
});
afterAll(async () => {
  const { agent } = node.fixture;
  for (const { id } of await agent.list({ all: false })) await agent.destroy(id, { force: true });
  await node[Symbol.asyncDispose]();
  await docker('rmi', '-f', image);
});

const create = async (of: string): Promise<KernelId> => {
  const request = { image: of, environ: {}, mounts: [], publish: [], interpreter: 'lazy' } as const;
  return (await node.fixture.agent.create(request, within(60_000))).id;
};

/** The kinds of events that the node keeps of a kernel, in order. */
async function historyOf(kernel: KernelId): Promise<readonly string[]> {
  const kinds: string[] = [];
  for await (const { event } of node.fixture.agent.kernelEvents({ after: 0, follow: false }, within(10_000))) {
    if (event.kernelId === kernel) kinds.push(event.type);
  }
  return kinds;
}

// @promise hostile-runner
it('takes neither the history of other kernels nor their time, is counted, and is given up', async () => {
  const { agent } = node.fixture;
  const neighbour = await create('kernelet/base:latest');
  expect(await shellIn(node, neighbour, 'echo before')).toBe('before\n');
  // Its end is told right behind its last event.
  await expect.poll(() => historyOf(neighbour)).toContain('execution-finished');
  const before = await historyOf(neighbour);
  const hostile = await create(image);
  await expect
    .poll(async () => (await agent.inspect(hostile)).droppedReports, { timeout: 20_000 })
    .toBeGreaterThan(10_000);
  const begin = performance.now();
  expect(await shellIn(node, neighbour, 'echo meanwhile')).toBe('meanwhile\n');
  expect(performance.now() - begin).toBeLessThan(5_000);
  const ask = () => agent.complete(hostile, 'a', 1, within(10_000));
  await expect.poll(() => ask().catch(({ code }) => code), { timeout: 30_000 }).toBe('PROTOCOL_ERROR');
  await expect.poll(() => historyOf(neighbour)).toEqual([...before, 'execution-started', 'execution-finished']);
  expect((await historyOf(hostile)).filter((kind) => !kind.startsWith('kernel-'))).toEqual([]);
  const { runs, droppedReports } = await agent.inspect(hostile);
  expect(runs).toEqual([]);
  expect((await agent.status()).invariantViolations['dropped-report']).toBe(droppedReports);
  await expect(
    agent.execute(hostile, newRunId(), { mode: 'query', code: '1', timeoutMs: null }, within(10_000)),
  ).rejects.toMatchObject({ code: 'PROTOCOL_ERROR' });
});
