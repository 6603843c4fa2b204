import { expect, it } from 'vitest';
import { FakeClock } from '../../../../test/support/fake-clock.ts';
import { anySession, RpcNode, unknownKernel } from '../../../../test/support/rpc-node.ts';
import { shownValue } from '../../../../test/support/shown-value.ts';
import type { RunScript } from '../../../runner-client/scripted-runner.ts';
import { Executions } from '../../operations/executions.ts';
import type { LegacyResult } from '../../operations/run-collector.ts';

const finished = [{ kind: 'finished', exitCode: 0, reason: 'exited' }] as const;
const still = { status: 'continued', exitCode: null, options: null, files: [] };

/** A step of a run over RPC. */
const step = (node: RpcNode, id: string, run: string | null, mode: string, code: string, flush: number | null = 2) =>
  node.call('execute', anySession, id, 3, run, mode, code, {}, flush);

it('runs code and answers with its console', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  node.fixture.script = async function* (request) {
    yield [{ kind: 'stdout' }, request.mode === 'query' ? request.code : ''];
    yield [{ kind: 'stdout' }, '!'];
    yield shownValue({ 'text/plain': 'x', 'text/html': '<b>x</b>' });
    yield shownValue({ 'text/plain': '42' });
    yield [{ kind: 'error', name: 'ValueError', message: 'no' }, 'Traceback\n'];
    yield finished;
  };
  const common = { runId: 'r1', status: 'finished', exitCode: 0, options: null, files: [] };
  expect(await step(node, id, 'r1', 'query', 'hi')).toEqual({
    ...common,
    console: [
      ['stdout', 'hi!'],
      ['html', '<b>x</b>'],
      ['stdout', '42\n'],
      ['stderr', 'Traceback\n'],
    ],
  });
  const legacy = await node.call('execute', anySession, id, 1, 'r2', 'query', 'hi', {}, null);
  expect(legacy).toEqual({
    ...common,
    runId: 'r2',
    stdout: 'hi!42\n',
    stderr: 'Traceback\n',
    media: [],
    html: ['<b>x</b>'],
  });
  expect(node.services.executions.size).toBe(0);
  expect(await step(node, id, null, 'query', '')).toMatchObject({ runId: expect.stringMatching(/^[0-9a-f]{32}$/) });
  expect(await step(node, id, 'r3', 'query', '', 1e9)).toMatchObject({ status: 'finished' });
});

it('gives what came in time, and the rest to those who continue', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const gate = Promise.withResolvers<void>();
  node.fixture.script = async function* () {
    yield [{ kind: 'stdout' }, 'first'];
    await gate.promise;
    yield [{ kind: 'stdout' }, 'second'];
    yield finished;
  };
  expect(await step(node, id, 'r1', 'query', 'x', 0.05)).toEqual({
    ...still,
    runId: 'r1',
    console: [['stdout', 'first']],
  });
  expect(await step(node, id, 'r1', 'continue', '', 0.05)).toEqual({ ...still, runId: 'r1', console: [] });
  gate.resolve();
  expect(await step(node, id, 'r1', 'continue', '', null)).toMatchObject({
    status: 'finished',
    console: [['stdout', 'second']],
  });
});

it('keeps what a cancelled call had gathered', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const gate = Promise.withResolvers<void>();
  node.fixture.script = async function* () {
    yield [{ kind: 'stdout' }, 'kept'];
    await gate.promise;
    yield finished;
  };
  const { identity, reply } = node.client.begin('execute', [anySession, id, 3, 'r1', 'query', 'x', {}, null]);
  await expect.poll(() => node.services.executions.size).toBe(1);
  await node.client.cancel(identity);
  expect((await reply).type).toBe('cancelled');
  gate.resolve();
  expect(await step(node, id, 'r1', 'continue', '')).toMatchObject({
    status: 'finished',
    console: [['stdout', 'kept']],
  });
});

it('asks, takes the answer, and names the steps of a batch', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const asking: RunScript = async function* (_, answers) {
    yield [{ kind: 'waiting-input', prompt: 'name? ', password: true }];
    const { value } = await answers.next();
    yield [{ kind: 'stdout' }, `hello ${value}`];
    yield finished;
  };
  node.fixture.script = asking;
  expect(await step(node, id, 'r1', 'query', 'input()')).toMatchObject({
    status: 'waiting-input',
    options: { is_password: true },
    console: [['stdout', 'name? ']],
  });
  expect(await step(node, id, 'r1', 'input', 'Ada')).toMatchObject({
    status: 'finished',
    console: [['stdout', 'hello Ada']],
  });
  node.fixture.script = async function* () {
    yield [{ kind: 'build-finished', exitCode: 2 }];
    yield finished;
  };
  const options = { clean: '', build: '*', exec: 'run' };
  const built = await node.call('execute', anySession, id, 3, 'b1', 'batch', '', options, 2);
  expect(built).toMatchObject({ status: 'build-finished', exitCode: 2 });
  expect(node.runner.requests.at(-1)).toEqual({
    method: 'execute',
    params: { run: 'b1', request: { mode: 'batch', clean: null, build: '*', exec: 'run', timeoutMs: null } },
  });
  expect(await step(node, id, 'b1', 'continue', '')).toMatchObject({ status: 'finished' });
});

it('waits for a kernel that is being restarted, and for one that dies of it no longer', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const { dummy } = node.fixture.kernels;
  const restart = (delayMs: number) => {
    const slow = dummy.fail('startContainer', { kind: 'delay', delayMs });
    const done = node.fixture.agent.restart(id, AbortSignal.timeout(10_000)).finally(() => slow[Symbol.dispose]());
    return done.then(() => 'restarted').catch((error: { code: string }) => error.code);
  };
  const phase = async () => (await node.fixture.agent.inspect(id)).phase;
  const restarted = restart(300);
  await expect.poll(phase).toBe('restarting');
  expect(await step(node, id, 'r1', 'query', 'x')).toMatchObject({ status: 'finished', exitCode: 0 });
  expect(await restarted).toBe('restarted');
  const broken = restart(60_000);
  await expect.poll(phase).toBe('restarting');
  const refused = expect(step(node, id, 'r2', 'query', 'x')).rejects.toThrow('RuntimeError');
  await node.call('destroy_kernel', id, anySession, 'force-terminated');
  await refused;
  expect(await broken).toBe('CANCELLED');
});

it('refuses kernels, runs and ids that are none', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  await expect(step(node, unknownKernel, 'r1', 'query', 'x')).rejects.toThrow('RuntimeError');
  await expect(step(node, id, 'r1', 'continue', '')).rejects.toThrow('RuntimeError');
  await expect(step(node, id, 'x'.repeat(2000), 'query', 'x')).rejects.toThrow('ValueError');
  expect(node.services.executions.size).toBe(0);
});

it('takes any text for the id of a run, and the same one for run after run', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  node.fixture.script = async function* (request) {
    yield [{ kind: 'stdout' }, request.mode === 'query' ? request.code : ''];
    yield finished;
  };
  for (const run of ['5facbf2f2697c1b7', 'my run', '', '../\u{1f600}']) {
    for (const code of ['one', 'two', 'two']) {
      const result = await step(node, id, run, 'query', code);
      expect(result).toMatchObject({ runId: run, status: 'finished', console: [['stdout', code]] });
    }
  }
  expect(node.runner.requests.filter(({ method }) => method === 'execute')).toHaveLength(12);
});

it('goes on with a run whose begin comes again, by its name, and after a restart of the agent', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  await step(node, id, 'my run', 'query', 'x');
  const gate = Promise.withResolvers<void>();
  node.fixture.script = async function* () {
    yield [{ kind: 'stdout' }, 'first'];
    await gate.promise;
    yield finished;
  };
  expect(await step(node, id, 'my run', 'query', 'x', 0.05)).toMatchObject({ status: 'continued' });
  await expect(step(node, id, 'my run', 'query', 'y', 0.05)).rejects.toThrow('ValueError');
  const legacy = await node.call('execute', anySession, id, 1, 'my run', 'query', '', {}, 0.05);
  expect(legacy).toMatchObject({ status: 'continued', runId: 'my run' });
  const after = new Executions(node.fixture.agent);
  const goOn = { kernel: id, run: 'my run', input: { kind: 'continue' }, apiVersion: 3, flushMs: null } as const;
  gate.resolve();
  expect(await after.step(goOn, AbortSignal.timeout(5000))).toMatchObject({ status: 'finished', runId: 'my run' });
});

it('reads on what nobody asks for any more, so that others get their turn, and gives what came, and how much was dropped', async () => {
  await using node = await RpcNode.start();
  const { id } = await node.kernel();
  const clock = new FakeClock();
  const executions = new Executions(node.fixture.agent, clock);
  const gate = Promise.withResolvers<void>();
  let said = 0;
  node.fixture.script = async function* () {
    yield [{ kind: 'stdout' }, 'first '];
    await gate.promise;
    for (; said < 30; said += 1) yield [{ kind: 'stdout' }, 'x'.repeat(100_000)];
    yield [{ kind: 'stdout' }, 'last'];
    yield finished;
  };
  const signal = AbortSignal.timeout(10_000);
  const input = { kind: 'begin', request: { mode: 'query', code: 'x', timeoutMs: null } } as const;
  const first = { kernel: id, run: 'r1', input, apiVersion: 1, flushMs: 50 };
  expect(await executions.step(first, signal)).toMatchObject({ status: 'continued', stdout: 'first ' });
  expect(clock.pending).toBe(1);
  await clock.advance(30_000);
  gate.resolve();
  await expect.poll(() => said).toBe(30);
  // It is read in slices of time.
  await clock.advance(90);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const goOn = { ...first, input: { kind: 'continue' }, flushMs: null } as const;
  let [stdout, stderr, status] = ['', '', ''];
  while (status !== 'finished') {
    const step = (await executions.step(goOn, signal)) as LegacyResult;
    stdout += step.stdout;
    stderr += step.stderr;
    status = step.status;
  }
  expect(stderr).toBe('kernelet: 2000000 bytes of output came while nobody asked for them, and were dropped\n');
  expect([stdout.length, stdout.slice(-5)]).toEqual([1_000_004, 'xlast']);
  expect([clock.pending, executions.size]).toEqual([0, 0]);
});
