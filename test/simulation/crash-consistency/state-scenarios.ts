/** What the small files of a state folder and the kept homes promise of a loss of power. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ScalingGroupFile } from '../../../src/backendai/membership/scaling-group-file.ts';
import { EventLog, openEventLog } from '../../../src/events/event-log.ts';
import { FileJournal } from '../../../src/kernel/journal.ts';
import { BootNote } from '../../../src/kernel/reconciliation/boot-note.ts';
import {
  type EngineIdentity,
  engineIdentityFile,
  readEngineIdentity,
  removeEngineIdentity,
  writeEngineIdentity,
} from '../../../src/kernel/reconciliation/engine-identity.ts';
import { type AppendCalls, appendCalls } from '../../../src/lib/appended-file.ts';
import { systemClock as clock, sleep } from '../../../src/lib/clock.ts';
import { parseKernelId } from '../../../src/lib/ids.ts';
import { number } from '../../../src/lib/json-reader.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { JsonStore } from '../../../src/storage/json-store.ts';
import { KeptHomes } from '../../../src/storage/kept-homes.ts';
import { ScratchFolders } from '../../../src/storage/scratch.ts';
import { openStateFolder, type StateFolder } from '../../../src/storage/state-folder.ts';
import { recordFixture, specFixture } from '../../support/kernel-record.ts';
import { scratchParts } from '../../support/scratch-parts.ts';
import { type CrashScenario, crashScenario, stateParent } from './crash-scenario.ts';
import { expectOneOf, type Possible } from './expectations.ts';

const stateDir = join(stateParent, 'kernelet');
const openState = (): Promise<StateFolder> => openStateFolder(stateDir);

interface ValueFacts {
  readonly values: Possible<string | number>;
}

/** Notes what is under way, and what is acknowledged. */
class Values {
  readonly #note: (facts: ValueFacts) => void;
  #values: Possible<string | number> = {};

  constructor(note: (facts: ValueFacts) => void) {
    this.#note = note;
  }

  async change(name: string, next: string | number | null, change: () => Promise<unknown>): Promise<void> {
    this.#allow(name, [...(this.#values[name] ?? [null]), next]);
    await change();
    this.#allow(name, [next]);
  }

  #allow(name: string, possible: readonly (string | number | null)[]): void {
    this.#values = { ...this.#values, [name]: possible };
    this.#note({ values: this.#values });
  }
}

const identity = (mark: string): EngineIdentity => ({
  version: 1,
  ...{ address: '/run/docker.sock', identity: 'x', dataRoot: '/data', markName: 'mark', mark },
  acceptedAt: null,
});

const groupOf = (configured: string): Promise<string> =>
  new ScalingGroupFile(null, join(stateDir, 'scaling-group.json'), log).inForce(configured);

async function openStore(state: StateFolder): Promise<JsonStore<number>> {
  return await JsonStore.open(join(state.path, 'tasks'), number, { writes: state.writes, log });
}

const kernel = parseKernelId('00000000-0000-4000-8000-000000000000');
const spec = specFixture({ id: kernel });

function openHomes(state: StateFolder): KeptHomes {
  return new KeptHomes({
    folder: join(state.scratch, '.kept'),
    limits: { keepMs: 86_400_000, maxBytes: 1_000_000 },
    measure: async () => ({ bytes: 1, complete: true }),
    space: async () => ({ free: 2 ** 40, total: 2 ** 40 }),
    discard: async () => {
      throw new Error('nothing is to be discarded');
    },
    emptied: async () => {},
    ...{ clock, log },
  });
}

/** Tells long after it was asked for, and does it then. */
const slowSync: AppendCalls = {
  ...appendCalls,
  sync: async (descriptor) => {
    await sleep(clock, 20, new AbortController().signal);
    await appendCalls.sync(descriptor);
  },
};

const textAt = (...path: string[]): Promise<string | null> => readFile(join(...path), 'utf8').catch(() => null);

export const stateScenarios: readonly CrashScenario[] = [
  crashScenario<ValueFacts>({
    promise: 'the engine that has the kernels is the one that was noted last, and none once it is forgotten',
    facts: { values: {} },
    work: async ({ note }) => {
      const values = new Values(note);
      await openState();
      const file = engineIdentityFile(stateDir);
      await values.change('engine', 'a', () => writeEngineIdentity(file, identity('a')));
      await values.change('engine', 'b', () => writeEngineIdentity(file, identity('b')));
      await values.change('engine', null, () => removeEngineIdentity(file));
    },
    check: async ({ values }) => {
      await openState();
      const known = await readEngineIdentity(engineIdentityFile(stateDir));
      expectOneOf('the engine', values['engine'], known?.mark ?? null);
    },
  }),
  crashScenario<{ readonly isNoted: boolean }>({
    promise: 'a machine that was started since is known to have been',
    facts: { isNoted: false },
    work: async ({ note }) => {
      await openState();
      await new BootNote(stateDir, log).write();
      note({ isNoted: true });
    },
    check: async ({ isNoted }) => {
      await openState();
      const rebootedAt = await new BootNote(stateDir, log).rebootedAt();
      if (isNoted && rebootedAt === null) throw new Error('the start of the machine is not seen');
    },
  }),
  crashScenario<{ readonly groups: readonly string[] }>({
    promise: 'a node is in the scaling group that a manager has given it, until its configuration names another one',
    facts: { groups: ['default'] },
    work: async ({ note }) => {
      await openState();
      const file = new ScalingGroupFile(null, join(stateDir, 'scaling-group.json'), log);
      await file.inForce('default');
      note({ groups: ['default', 'given'] });
      await file.set('given');
      note({ groups: ['given'] });
      note({ groups: ['given', 'default'] });
      await groupOf('edited');
      // What was given is forgotten, also where the configuration comes to be as it was.
      note({ groups: ['default'] });
    },
    check: async ({ groups }) => {
      await openState();
      expectOneOf('the group', groups, await groupOf('default'));
    },
  }),
  crashScenario<ValueFacts>({
    promise: 'a stored entry is as it was acknowledged last, and never without the events before it',
    facts: { values: {} },
    work: async ({ note }) => {
      const values = new Values(note);
      const state = await openState();
      const events = await EventLog.open(join(state.path, 'events'), {
        clock,
        log,
        writes: state.writes,
        calls: slowSync,
      });
      const store = await openStore(state);
      await values.change('a', 1, () => store.put('a', 1));
      await values.change('a', 2, () => store.put('a', 2));
      const { sessionId } = spec;
      const end = { reason: 'user-requested', exitCode: 0, detail: '' } as const;
      events.publish({ type: 'kernel-terminated', kernelId: kernel, sessionId, ...end });
      await Promise.all([
        values.change('a', null, () => store.remove('a')),
        values.change('b', 1, () => store.put('b', 1)),
      ]);
    },
    check: async ({ values }) => {
      const state = await openState();
      const { all } = await openStore(state);
      for (const name of ['a', 'b']) expectOneOf(`the entry ${name}`, values[name], all.get(name) ?? null);
      const isRemoved = values['a']?.includes(null) === true && (values['a'].length === 1 || values['a'].includes(2));
      if (!all.has('b') && !(isRemoved && !all.has('a'))) return;
      const events = await openEventLog(state, clock, log);
      if (!events.hasEnded(kernel))
        throw new Error('an entry has changed on the disk, and the event before it is lost');
    },
  }),
  crashScenario<{ readonly isKept: boolean }>({
    promise: 'the home of a kernel whose end nobody asked for is kept with its note, once its record is gone',
    facts: { isKept: false },
    work: async ({ note, machine }) => {
      const state = await openState();
      const journal = new FileJournal(state, log);
      await journal.write(recordFixture({ spec }));
      const root = join(state.scratch, kernel);
      machine.disk.files.plant(join(root, 'work', 'precious'), 'x');
      note({ isKept: true });
      await using homes = openHomes(state);
      await homes.keep(kernel, root, 'its record');
      await journal.remove(kernel);
    },
    check: async ({ isKept }) => {
      if (!isKept) return;
      const state = await openState();
      const { records } = await new FileJournal(state, log).load();
      await using homes = openHomes(state);
      const [kept] = await homes.list();
      if (kept) {
        if ((await textAt(homes.pathOf(kept), 'work', 'precious')) !== 'x') throw new Error('a kept home is empty');
        if ((await homes.noteOf(kept)) !== 'its record') throw new Error('a kept home has no note');
      } else if (records.length === 0) throw new Error('the record is gone, and the home is not kept');
      else if ((await textAt(state.scratch, kernel, 'work', 'precious')) !== 'x') throw new Error('the home is lost');
    },
  }),
  crashScenario<{ readonly isThere: boolean }>({
    promise: 'the home of a kernel that was removed on request does not come back once its record is gone',
    facts: { isThere: false },
    work: async ({ note, machine }) => {
      const state = await openState();
      const journal = new FileJournal(state, log);
      await journal.write(recordFixture({ spec }));
      machine.disk.files.plant(join(state.scratch, kernel, 'work', 'precious'), 'x');
      note({ isThere: true });
      await using scratch = new ScratchFolders(state.scratch, scratchParts());
      await scratch.remove(kernel);
      await journal.remove(kernel);
    },
    check: async ({ isThere }) => {
      const state = await openState();
      const { records } = await new FileJournal(state, log).load();
      const home = await textAt(state.scratch, kernel, 'work', 'precious');
      if (isThere && records.length === 0 && home !== null) throw new Error('the home is there again');
    },
  }),
];
