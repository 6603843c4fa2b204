/**
 * `kill -9` of the daemon at random instants of a kernel's life. After each, a new daemon is started, and what it says,
 * its files, the engine, the ports and the events must agree; a kernel that was there all along keeps its memory.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byDepth } from '../support/depth.ts';
import { assertNothingLeft, inventory } from '../support/inventory.ts';
import { callApi } from '../support/local-api.ts';
import type { NodeKernel } from '../support/node-facts.ts';
import { checkInvariants } from '../support/node-invariants.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { seededRandom } from '../support/random.ts';

const rounds = byDepth({ quick: 2, full: 7, nightly: 100 });
const limitMs = 60_000 + rounds * 30_000;
const random = seededRandom('sigkill');

let node: NodeUnderTest;
let witness: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  witness = await node.create('--lang', 'python', '--publish', '9000');
  await python(witness, 'secret = "kept"; count = 0');
});
afterAll(() => node[Symbol.asyncDispose]());

async function python(id: string, code: string): Promise<string> {
  const outcome = await node.run(['exec', id, '-c', code]);
  if (outcome.status !== 0) throw new Error(`exec ended with status ${outcome.status}: ${outcome.stderr}`);
  return outcome.text;
}

const create = (id: string) =>
  callApi(node.socket, 'POST', '/v1/kernels', { body: { id, language: 'python', publish: [8000, 8001] } });
const remove = (id: string, query = '') => callApi(node.socket, 'DELETE', `/v1/kernels/${id}${query}`);

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Kills the daemon at some instant of the first `spanMs` of the work; gives what the caller was told, null = nothing. */
async function killDuring<T>(spanMs: number, work: () => Promise<T>): Promise<T | null> {
  const done = work().catch(() => null);
  await sleep(random.between(0, Math.round(spanMs)));
  await node.endDaemon('SIGKILL');
  await node.startDaemon();
  return await done;
}

/** The invariants hold and the witness is as it was; the kernels that run. */
async function checkAfterKill(): Promise<readonly NodeKernel[]> {
  const kernels = await checkInvariants(node);
  expect(kernels.map((kernel) => kernel.id)).toContain(witness);
  expect(await python(witness, 'secret')).toBe("'kept'\n");
  return kernels;
}

async function expectGone(ids: readonly string[], before: Awaited<ReturnType<typeof inventory>>): Promise<void> {
  expect((await checkInvariants(node)).map((kernel) => kernel.id)).toEqual([witness]);
  for (const id of ids) {
    expect((await callApi(node.socket, 'GET', `/v1/kernels/${id}`)).document).not.toMatchObject({ phase: 'running' });
  }
  await assertNothingLeft(before, node.stateDir, [node.pid]);
}

// @promise daemon-killed
describe(`kill -9 of the daemon, ${rounds} times at random instants`, () => {
  it(
    'of up to three creations at once: each kernel works or is gone',
    async () => {
      const first = randomUUID();
      const spanMs = 1.2 * (await timed(() => create(first)));
      await remove(first);
      for (let round = 0; round < rounds; round += 1) {
        const before = await inventory(node.stateDir);
        const ids = Array.from({ length: random.between(1, 3) }, () => randomUUID());
        const told = await killDuring(spanMs * ids.length, () => Promise.allSettled(ids.map(create)));
        const running = new Set((await checkAfterKill()).map(({ id }) => id));
        for (const [index, id] of ids.entries()) {
          const outcome = told?.[index];
          if (outcome?.status === 'fulfilled' && outcome.value.status === 201) expect(running).toContain(id);
          if (!running.has(id)) continue;
          expect(await python(id, '6 * 7')).toBe('42\n');
          expect((await remove(id)).status).toBe(200);
        }
        await expectGone(ids, before);
      }
    },
    limitMs,
  );

  // @promise run-once
  it(
    'of a run: it goes on, is run once, and its output arrives once',
    async () => {
      const before = await inventory(node.stateDir);
      const lines = Array.from({ length: 12 }, (_, index) => `${index} ${'x'.repeat(20_000)}\n`);
      const programs = [
        (mark: string) => [
          '-c',
          `import time; count += 1; open("${mark}", "a").write("once")\nfor i in range(12): print(i, "x" * 20000, flush=True); time.sleep(0.08)`,
        ],
        (mark: string) => [
          '--',
          ...['python3', '-c'],
          `import time; open("${mark}", "a").write("once")\nfor i in range(12): print(i, "x" * 20000, flush=True); time.sleep(0.08)`,
        ],
      ];
      for (let round = 0; round < rounds; round += 1) {
        const mark = `mark-${round}`;
        const program = programs[round % 2] ?? programs[0];
        const told = await killDuring(1_500, () => node.run(['exec', witness, ...(program?.(mark) ?? [])]));
        expect([told?.status, told?.stderr, told?.text.length]).toEqual([0, '', lines.join('').length]);
        expect(told?.text === lines.join('')).toBe(true);
        await checkAfterKill();
        expect(await python(witness, `print(open("${mark}").read(), count)`)).toBe(
          `once ${Math.ceil((round + 1) / 2)}\n`,
        );
      }
      await assertNothingLeft(before, node.stateDir, [node.pid]);
    },
    limitMs,
  );

  // @promise one-end
  it(
    'of a removal: the kernel is as it was or is gone, with one terminal event',
    async () => {
      const first = randomUUID();
      await create(first);
      const spanMs = 1.2 * (await timed(() => remove(first)));
      for (let round = 0; round < rounds; round += 1) {
        const before = await inventory(node.stateDir);
        const id = randomUUID();
        expect((await create(id)).status).toBe(201);
        await python(id, 'state = [1, 2, 3]');
        const told = await killDuring(spanMs, () => remove(id, round % 2 === 0 ? '' : '?force=true'));
        const kernel = (await checkAfterKill()).find((one) => one.id === id);
        if (told?.status === 200) expect(kernel).toBeUndefined();
        if (kernel) {
          expect(await python(id, 'state')).toBe('[1, 2, 3]\n');
          expect((await remove(id)).status).toBe(200);
        }
        await expectGone([id], before);
      }
    },
    limitMs,
  );
});
