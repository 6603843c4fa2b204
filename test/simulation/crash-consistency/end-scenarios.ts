/** What the ends of kernels promise of a loss of power, to those who read events of a node and to managers. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EventPublisher } from '../../../src/backendai/events/event-publisher.ts';
import { Outbox } from '../../../src/backendai/events/outbox.ts';
import { EventLog } from '../../../src/events/event-log.ts';
import type { EventSink, KernelEvent } from '../../../src/events/kernel-event.ts';
import { FileJournal } from '../../../src/kernel/journal.ts';
import type { KernelRecord } from '../../../src/kernel/record.ts';
import { type AppendCalls, appendCalls } from '../../../src/lib/appended-file.ts';
import { systemClock as clock, sleep } from '../../../src/lib/clock.ts';
import { type KernelId, parseKernelId } from '../../../src/lib/ids.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { openStateFolder, type StateFolder } from '../../../src/storage/state-folder.ts';
import { FakeEventServer } from '../../support/fake-event-server.ts';
import { recordFixture, specFixture } from '../../support/kernel-record.ts';
import { type CrashScenario, crashScenario, stateParent } from './crash-scenario.ts';

const kernel = parseKernelId('00000000-0000-4000-8000-000000000000');
const other = parseKernelId('22222222-0000-4000-8000-000000000000');
const next = parseKernelId('11111111-0000-4000-8000-000000000000');

const preparing = (kernelId: KernelId): KernelEvent => {
  const { sessionId } = specFixture({ id: kernelId });
  return { type: 'kernel-preparing', kernelId, sessionId };
};
const ended = (kernelId: KernelId): KernelEvent => {
  const { sessionId } = specFixture({ id: kernelId });
  return { type: 'kernel-terminated', kernelId, sessionId, reason: 'user-requested', exitCode: 0, detail: '' };
};

/** What of a node is needed for a kernel to begin and to end. */
interface Parts {
  readonly state: StateFolder;
  readonly events: EventSink<KernelRecord>;
  readonly local: EventLog;
  readonly journal: FileJournal;
}

const recordOf = (id: KernelId): KernelRecord => recordFixture({ spec: specFixture({ id }) });

async function begin({ events, journal }: Parts, id: KernelId): Promise<void> {
  const record = recordOf(id);
  events.publish(preparing(id), record);
  await journal.write(record);
}

/** A kernel ends, in the order of its actor. */
async function end({ events, journal }: Parts, id: KernelId): Promise<void> {
  const record = recordOf(id);
  events.publish(ended(id), record);
  await forget({ events, journal }, record);
}

async function forget({ events, journal }: Pick<Parts, 'events' | 'journal'>, record: KernelRecord): Promise<void> {
  await journal.remove(record.spec.id);
  events.forget(record);
}

/** Takes over what an earlier process left, as recovery does on a machine that has started anew: nothing runs any more. */
async function recover(parts: Parts): Promise<void> {
  const { records } = await parts.journal.load();
  for (const record of records) {
    if (parts.events.hasToldEnd(record)) await forget(parts, record);
    else await end(parts, record.spec.id);
  }
}

/** Tells of a sync long after it was done. */
const lateSync: AppendCalls = {
  ...appendCalls,
  sync: async (descriptor) => {
    await appendCalls.sync(descriptor);
    await sleep(clock, 20, new AbortController().signal);
  },
};

const openState = (): Promise<StateFolder> => openStateFolder(join(stateParent, 'kernelet'));

async function openAlone(fileBytes?: number, calls?: AppendCalls): Promise<Parts> {
  const state = await openState();
  const options = { clock, log, writes: state.writes, ...(fileBytes && { fileBytes }), ...(calls && { calls }) };
  const local = await EventLog.open(join(state.path, 'events'), options);
  return { state, events: local, local, journal: new FileJournal(state, log) };
}

async function endsIn(local: EventLog): Promise<readonly KernelId[]> {
  const ends: KernelId[] = [];
  for await (const { event } of local.read({ after: 0, follow: false }, AbortSignal.timeout(longMs)))
    if (event.type === 'kernel-terminated') ends.push(event.kernelId);
  return ends;
}

const longMs = 10_000;

interface EndFacts {
  /** Kernels whose records are acknowledged, or were. */
  readonly begun: readonly KernelId[];
  /** The number of the last event that a reader got. */
  readonly shown: number;
}

function expectOneEnd(begun: readonly KernelId[], ends: readonly KernelId[], told: string): void {
  for (const id of begun) {
    const count = ends.filter((one) => one === id).length;
    if (count !== 1) throw new Error(`the end of ${id} is told ${count} times ${told}`);
  }
}

/** Starts a node on what is left, and sees that its events have one end for each beginning. */
const checkAlone =
  (fileBytes?: number) =>
  async ({ begun }: EndFacts): Promise<void> => {
    const node = await openAlone(fileBytes);
    await recover(node);
    expectOneEnd(begun, await endsIn(node.local), 'in the events of the node');
  };

/** Follows the events, as a client does; `shown` is told of the last number. */
function follow(local: EventLog, shown: (sequence: number) => void): void {
  const read = async (): Promise<void> => {
    const events = local.read({ after: 0, follow: true }, AbortSignal.timeout(longMs));
    for await (const { sequence } of events) shown(sequence);
  };
  read().catch(() => {});
}

interface MemberFacts extends EndFacts {
  readonly server: Pick<FakeEventServer, 'names' | 'series' | 'sequence'>;
}

interface Member extends Parts {
  readonly outbox: Outbox;
}

/** Opens a node of a cluster whose events go to this server. */
async function openMember(server: FakeEventServer): Promise<Member> {
  const { state, local, journal } = await openAlone();
  const outbox = new Outbox(join(state.path, 'outbox', 'events'), { target: server, writes: state.writes, clock, log });
  const events = new EventPublisher({
    ...{ agentId: 'i-node', local, outbox, log },
    infoOf: () => {
      throw new Error('no kernel starts');
    },
    suppressed: { has: () => false, delete: () => {} },
  });
  return { state, events, local, journal, outbox };
}

/** A server that notes what it has got after each batch. */
class NotedServer extends FakeEventServer {
  readonly #note: (server: MemberFacts['server']) => void;

  constructor(note: (server: MemberFacts['server']) => void) {
    super();
    this.#note = note;
  }

  override async append(...batch: Parameters<FakeEventServer['append']>): ReturnType<FakeEventServer['append']> {
    const result = await super.append(...batch);
    this.#note({ names: [...this.names], series: this.series, sequence: this.sequence });
    return result;
  }
}

/** Sends what there is, and what comes during some work. */
async function sendDuring({ outbox, state }: Member, work: () => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const sending = outbox.run(stop.signal);
  await work();
  await outbox.settled(AbortSignal.timeout(longMs));
  stop.abort();
  await sending;
  await state.writes.settled(longMs);
}

async function checkMember({ begun, server: has }: MemberFacts): Promise<void> {
  const server = Object.assign(new FakeEventServer(), structuredClone(has));
  const node = await openMember(server);
  await recover(node);
  await sendDuring(node, async () => {});
  const ends = server.names.filter((name) => name === 'kernel_terminated').map(() => kernel);
  expectOneEnd(begun, ends, 'to managers');
  expectOneEnd(begun, await endsIn(node.local), 'in the events of the node');
}

export const endScenarios: readonly CrashScenario[] = [
  crashScenario<EndFacts>({
    promise: 'the end of a kernel is told once, and is not lost once its record is gone',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const node = await openAlone();
      await begin(node, kernel);
      note({ begun: [kernel] });
      await end(node, kernel);
      await begin(node, next);
      note({ begun: [kernel, next] });
      await end(node, next);
    },
    check: checkAlone(),
  }),
  crashScenario<EndFacts>({
    promise: 'the end of a kernel is told once, also where somebody has removed the file of events',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const before = await openAlone();
      await before.local[Symbol.asyncDispose]();
      await before.state[Symbol.asyncDispose]();
      await rm(join(before.state.path, 'events', 'events.jsonl'));
      const node = await openAlone();
      await begin(node, kernel);
      note({ begun: [kernel] });
      await end(node, kernel);
    },
    check: checkAlone(),
  }),
  crashScenario<EndFacts>({
    promise: 'the end of a kernel is told once, also where its node closes meanwhile',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const node = await openAlone();
      await begin(node, kernel);
      note({ begun: [kernel] });
      const ending = end(node, kernel);
      await node.local[Symbol.asyncDispose]();
      await ending;
    },
    check: checkAlone(),
  }),
  crashScenario<EndFacts>({
    promise: 'no end of a kernel that a reader has got is told again',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const node = await openAlone();
      await begin(node, kernel);
      follow(node.local, (shown) => note({ shown }));
      await end(node, kernel);
    },
    check: async ({ shown }) => {
      const { events } = await openAlone();
      if (shown >= 2 && !events.hasToldEnd(recordOf(kernel))) throw new Error('the end is told again');
    },
  }),
  crashScenario<EndFacts>({
    promise: 'no number of an event that a reader has got is given to another one',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const node = await openAlone();
      follow(node.local, (shown) => note({ shown }));
      for (let count = 0; count < 3; count += 1) node.events.publish(preparing(kernel));
      await node.state.writes.settled(longMs);
      await begin(node, next);
    },
    check: async ({ shown }) => {
      const { local } = await openAlone();
      local.publish(preparing(kernel));
      if (local.lastSequence <= shown) throw new Error(`${local.lastSequence} is given again, after ${shown}`);
    },
  }),
  crashScenario<EndFacts>({
    promise: 'the end of a kernel is not lost when the file of events is full',
    facts: { begun: [], shown: 0 },
    work: async ({ note }) => {
      const node = await openAlone(300);
      await begin(node, kernel);
      await end(node, kernel);
      await begin(node, next);
      // The other's end may have to make room.
      note({ begun: [next] });
      await end(node, next);
    },
    check: checkAlone(300),
  }),
  crashScenario<EndFacts>({
    promise: 'the end of a kernel is not lost when the file of events is full, and the disk too',
    facts: { begun: [], shown: 0 },
    work: async ({ note, machine }) => {
      const node = await openAlone(700, lateSync);
      const { files } = machine.disk;
      await begin(node, kernel);
      await begin(node, next);
      note({ begun: [kernel, next] });
      // Their ends fill the file, of which the last is synced after the first; and what stays cannot be written beside it.
      const ends = [end(node, kernel), end(node, next)];
      node.events.publish(preparing(other));
      const [current, older] = ['events.jsonl', 'events.older.jsonl'].map(
        (name) => `${node.state.path}/events/${name}`,
      );
      const { onChange } = files.durability;
      files.durability.onChange = () => {
        onChange();
        const isWritten = (files.textOf(current ?? '') ?? '').split('kernel-terminated').length === 3;
        if (isWritten && !files.peek(older ?? '')) files.fill({ contested: true });
        else files.empty();
      };
      await Promise.all(ends);
    },
    check: checkAlone(700),
  }),
  crashScenario<MemberFacts>({
    promise: 'managers are told the end of a kernel once, and it is not lost once its record is gone',
    facts: { begun: [], shown: 0, server: { names: [], series: '', sequence: 0 } },
    work: async ({ note }) => {
      const node = await openMember(new NotedServer((server) => note({ server })));
      await sendDuring(node, async () => {
        await begin(node, kernel);
        note({ begun: [kernel] });
        await end(node, kernel);
      });
    },
    check: checkMember,
  }),
  crashScenario<MemberFacts>({
    promise: 'managers that cannot be reached are told the end of a kernel later, also by another process',
    facts: { begun: [], shown: 0, server: { names: [], series: '', sequence: 0 } },
    work: async ({ note }) => {
      const before = await openMember(new FakeEventServer());
      await begin(before, kernel);
      note({ begun: [kernel] });
      await end(before, kernel);
      for (const part of [before.outbox, before.local, before.state]) await part[Symbol.asyncDispose]();
      const node = await openMember(new NotedServer((server) => note({ server })));
      await sendDuring(node, async () => {});
    },
    check: checkMember,
  }),
];
