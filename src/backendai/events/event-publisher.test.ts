import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../test/support/kernel-record.ts';
import vectors from '../../../test/vectors/events/events-24.09.json' with { type: 'json' };
import { EventLog } from '../../events/event-log.ts';
import type { KernelEvent } from '../../events/kernel-event.ts';
import { systemClock } from '../../lib/clock.ts';
import { type KernelId, parseKernelId, parseSessionId, type RunId } from '../../lib/ids.ts';
import { silentLogger } from '../../lib/log.ts';
import { StateWrites } from '../../lib/state-writes.ts';
import type { EncodedEvent } from '../redis/event-stream.ts';
import type { CreationInfo } from '../wire/events/info-maps.ts';
import { EventPublisher } from './event-publisher.ts';

const kernelId = parseKernelId('11111111-2222-4333-8444-555555555555');
const sessionId = parseSessionId('aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee');
const of = { kernelId, sessionId };
/** The kernel that was made then. */
const recordOf = (createdAt: number) => recordFixture({ createdAt, spec: specFixture({ id: kernelId }) });
const run = 'r1' as RunId;
const agentId = 'i-vector01';
const errors: string[] = [];
const log = { ...silentLogger, error: (message: string) => void errors.push(message) };

/** The bytes of a vector without pickles. */
function vector(id: string) {
  const found = vectors.vectors.find((one) => one.id === id);
  if (!found) throw new Error(`no vector ${id}`);
  return { ...found, hex: found.args_portable_hex ?? found.fields.args };
}
const startedInfo = (vector('kernel_started').args_portable as unknown[])[3] as CreationInfo;

let folder: string;
let local: EventLog;
let posted: EncodedEvent[];
let publisher: EventPublisher;
const names = new Set<string>();
const suppressed = new Set<KernelId>();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cluster-events-'));
  local = await EventLog.open(folder, { clock: systemClock, log, writes: new StateWrites() });
  posted = [];
  names.clear();
  const outbox = {
    post: (event: EncodedEvent, name: string | null = null) => {
      if (name !== null && names.has(name)) return;
      if (name !== null) names.add(name);
      posted.push(event);
    },
    holds: (name: string) => names.has(name),
    free: (name: string) => void names.delete(name),
    get size() {
      return posted.length;
    },
  };
  publisher = new EventPublisher({ agentId, local, outbox, infoOf: () => startedInfo, suppressed, log });
});
afterEach(async () => {
  await local[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const finished = (reason: 'exited' | 'time-limit' | 'cancelled'): KernelEvent => ({
  type: 'execution-finished',
  ...of,
  runId: run,
  exitCode: 0,
  reason,
});
const cases: readonly (readonly [string, KernelEvent])[] = [
  ['kernel_preparing', { type: 'kernel-preparing', ...of }],
  ['kernel_pulling', { type: 'kernel-pulling', image: 'cr.backend.ai/stable/python:3.9-ubuntu20.04', ...of }],
  ['kernel_creating', { type: 'kernel-creating', ...of }],
  ['kernel_started', { type: 'kernel-started', restarted: false, ...of }],
  ['kernel_terminated', { type: 'kernel-terminated', reason: 'user-requested', exitCode: null, detail: '', ...of }],
  [
    'kernel_terminated_selfterm',
    { type: 'kernel-terminated', reason: 'self-terminated', exitCode: 137, detail: '', ...of },
  ],
  ['model_service_status_healthy', { type: 'model-health', model: 'my-model', healthy: true, ...of }],
  ['model_service_status_unhealthy', { type: 'model-health', model: 'my-model', healthy: false, ...of }],
  ['execution_started', { type: 'execution-started', runId: run, ...of }],
  ['execution_finished', finished('exited')],
  ['execution_timeout', finished('time-limit')],
  ['execution_cancelled', finished('cancelled')],
];

describe('EventPublisher', () => {
  it.each(cases)('says %s in the bytes that were recorded', (id, event) => {
    publisher.publish(event, recordFixture());
    const { event: name, source_utf8: source, hex } = vector(id);
    expect(posted.map(({ args, ...rest }) => ({ ...rest, hex: Buffer.from(args).toString('hex') }))).toEqual([
      { name, source, hex },
    ]);
    expect(local.lastSequence).toBe(1);
  });

  it.each(['agent_started', 'agent_terminated'] as const)('announces %s', (name) => {
    publisher.announce(name, { reason: name === 'agent_started' ? 'self-started' : 'shutdown' });
    expect(Buffer.from(posted[0]?.args ?? []).toString('hex')).toBe(vector(name).hex);
    expect(posted[0]?.source).toBe(agentId);
  });

  it.each([
    ['bgtask_done', { message: 'done' }],
    ['bgtask_failed', { message: 'failed' }],
  ] as const)('announces %s in the manager’s name', (name, fields) => {
    publisher.announce(name, { task: '', ...fields });
    expect(posted[0]?.source).toBe('manager');
    expect(vector(name).source_utf8).toBe('manager');
  });

  it('publishes no event that managers do not know, and no suppressed termination', () => {
    const end = { type: 'kernel-terminated', reason: 'failed-to-start', exitCode: null, detail: '', ...of } as const;
    publisher.publish({ type: 'overuse', kind: 'throttled', count: 1, detail: '', ...of });
    publisher.publish({ type: 'kernel-paused', by: 'request', ...of });
    publisher.publish({ type: 'kernel-resumed', ...of });
    suppressed.add(kernelId);
    const record = recordOf(1);
    publisher.publish(end, record);
    expect(posted).toEqual([]);
    expect(local.lastSequence).toBe(4);
    expect([publisher.hasEnded(kernelId), publisher.hasToldEnd(record)]).toEqual([true, true]);
    publisher.forget(record);
    publisher.publish(end, recordOf(Date.now() + 60_000));
    expect(posted).toHaveLength(1);
  });

  it('publishes a termination once though the process is killed before the local log has it', async () => {
    const end = { type: 'kernel-terminated', reason: 'user-requested', exitCode: null, detail: '', ...of } as const;
    await local[Symbol.asyncDispose]();
    local.publish = () => {
      throw new Error('killed here');
    };
    expect(() => publisher.publish(end, recordOf(1))).toThrow('killed here');
    local.publish = () => {};
    expect(publisher.hasToldEnd(recordOf(1))).toBe(false);
    publisher.publish(end, recordOf(1));
    expect(posted.map(({ name }) => name)).toEqual(['kernel_terminated']);
    // A later kernel of that id ends as well, though the name of this one was not freed.
    publisher.publish(end, recordOf(2));
    expect(posted).toHaveLength(2);
  });

  it('publishes a termination to managers that the outbox has lost and the local log has not', () => {
    const end = { type: 'kernel-terminated', reason: 'user-requested', exitCode: null, detail: '', ...of } as const;
    publisher.publish(end, recordOf(1));
    names.clear();
    expect(publisher.hasToldEnd(recordOf(1))).toBe(false);
    publisher.publish(end, recordOf(1));
    expect([posted.length, local.lastSequence, publisher.hasToldEnd(recordOf(1))]).toEqual([2, 1, true]);
  });

  it('frees the name of a termination when the record of its kernel is gone', () => {
    const end = { type: 'kernel-terminated', reason: 'user-requested', exitCode: null, detail: '', ...of } as const;
    publisher.publish(end, recordOf(1));
    expect(names.size).toBe(1);
    publisher.forget(recordOf(1));
    expect(names.size).toBe(0);
  });

  it('announces what has a name once, until the name is free', () => {
    const announce = (): void => publisher.announce('bgtask_done', { task: '', message: 'done' }, 'task 1');
    announce();
    announce();
    expect([posted.length, publisher.hasPublished('task 1'), publisher.hasPublished('task 2')]).toEqual([
      1,
      true,
      false,
    ]);
    publisher.freeName('task 1');
    announce();
    expect(posted).toHaveLength(2);
  });

  it('does not hold up a kernel whose event cannot be encoded', () => {
    const failing = new EventPublisher({
      agentId,
      local,
      outbox: { post: () => {}, holds: () => false, free: () => {}, size: 0 },
      suppressed,
      infoOf: () => {
        throw new Error('no such kernel');
      },
      log,
    });
    failing.publish({ type: 'kernel-started', restarted: false, ...of }, recordFixture());
    expect(local.lastSequence).toBe(1);
    expect(errors).toEqual(['an event could not be encoded for managers']);
  });
});

it('publishes a kernel’s preparation while its image is pulled, once, and knows when no kernel came of it', () => {
  publisher.publishPreparing(kernelId, sessionId);
  publisher.publish({ type: 'kernel-preparing', ...of });
  publisher.publish({ type: 'kernel-creating', ...of });
  expect(posted.map(({ name }) => name)).toEqual(['kernel_preparing', 'kernel_creating']);
  expect(publisher.endsUnborn(kernelId)).toBe(false);
  publisher.publishPreparing(kernelId, sessionId);
  expect(publisher.endsUnborn(kernelId)).toBe(true);
  expect(publisher.endsUnborn(kernelId)).toBe(false);
});
