import { describe, expect, it } from 'vitest';
import { shellSpec } from '../../../../test/support/engine.ts';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { FakeRunnerClient, testImage } from '../../../../test/support/kernels-fixture.ts';
import { DummyEngine } from '../../../engine/dummy/dummy-engine.ts';
import { Deadline } from '../../../lib/deadline.ts';
import { KerneletError } from '../../../lib/errors.ts';
import { RunnerClients } from '../../runner-clients.ts';
import type { KernelFile } from '../../spec.ts';
import { readyStep } from './ready.ts';

async function setUp(
  ready: (signal: AbortSignal) => Promise<void>,
  timeoutMs = 2_000,
  files: readonly KernelFile[] = [],
) {
  const engine = new DummyEngine({ images: [testImage] });
  const id = await engine.createContainer(shellSpec(''), AbortSignal.timeout(1_000));
  await engine.startContainer(id, AbortSignal.timeout(1_000));
  const runners = new RunnerClients(
    (address) => new FakeRunnerClient(address, ready),
    () => ({ socketPath: '/x', secret: 's' }),
  );
  const step = readyStep({ engine, runners, timeoutMs });
  const record = recordFixture({ containerId: id, spec: specFixture({ files }) });
  const apply = async () => {
    using deadline = new Deadline({ what: 'test', timeoutMs: step.deadlineMs });
    return await step.apply(record, deadline);
  };
  return { engine, container: engine.container(id), runners, step, record, apply };
}

const never = (signal: AbortSignal) =>
  new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));

describe('the step that waits for the runner', () => {
  it('opens the client that stays, and closes it in its revert', async () => {
    const { apply, runners, record, step } = await setUp(async () => {});
    await apply();
    const client = runners.get(record.spec.id);
    expect(client).toBe(runners.open(record));
    using deadline = new Deadline({ what: 'test', timeoutMs: 1_000 });
    await step.revert(record, deadline);
    await step.revert(record, deadline);
    expect(runners.get(record.spec.id)).toBeNull();
    expect(client).toMatchObject({ disposed: true, end: { exitCode: 137 } });
  });

  it('stops at once when the container ends, with its status and the end of its log', async () => {
    const { apply, container } = await setUp(never, 60_000);
    const waiting = apply().catch((error: unknown) => error);
    container.write('stderr', 'no such program\n');
    setTimeout(() => container.exit(127), 10);
    const error = await waiting;
    expect(error).toMatchObject({ code: 'RUNNER_NOT_READY', context: { exitCode: 127 } });
    expect(String(error)).toMatch(/status 127.*no such program/s);
  });

  it('says so when the time is over, or when the runner says that it failed', async () => {
    const late = await setUp(never, 30);
    await expect(late.apply()).rejects.toMatchObject({
      code: 'RUNNER_NOT_READY',
      message: expect.stringContaining('30 ms'),
    });
    const failed = await setUp(() => Promise.reject(new KerneletError('RUNNER_NOT_READY', 'no shell')));
    await expect(failed.apply()).rejects.toMatchObject({ message: expect.stringContaining('no shell') });
  });

  it('gives a script of the user, which runs before, its own time', async () => {
    const later = () => new Promise<void>((resolve) => setTimeout(resolve, 60));
    const file = { path: 'bootstrap.sh', mode: 0o755, owner: 'tenant', text: 'sleep 1' } as const;
    const { apply } = await setUp(later, 10, [{ ...file, folder: 'home' }]);
    await expect(apply()).resolves.toEqual({});
    const other = await setUp(later, 10, [{ ...file, folder: 'config' }]);
    await expect(other.apply()).rejects.toMatchObject({ code: 'RUNNER_NOT_READY' });
  });

  it('goes on when the engine cannot be asked about the container', async () => {
    const { apply, engine } = await setUp(() => new Promise((resolve) => setTimeout(resolve, 30)));
    engine.fail('waitContainer', { kind: 'error' });
    await expect(apply()).resolves.toEqual({});
  });
});
