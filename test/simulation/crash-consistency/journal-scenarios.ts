/** What records of kernels and the folder around them promise of a loss of power. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { FileJournal } from '../../../src/kernel/journal.ts';
import type { KernelRecord } from '../../../src/kernel/record.ts';
import { type KernelId, parseKernelId } from '../../../src/lib/ids.ts';
import { silentLogger as log } from '../../../src/lib/log.ts';
import { StateWrites } from '../../../src/lib/state-writes.ts';
import { openStateFolder } from '../../../src/storage/state-folder.ts';
import { recordFixture, specFixture } from '../../support/kernel-record.ts';
import { type CrashScenario, crashScenario, killedWith, stateParent } from './crash-scenario.ts';
import { expectOneOf, type Possible } from './expectations.ts';

const first = parseKernelId('00000000-0000-4000-8000-000000000000');
const second = parseKernelId('11111111-0000-4000-8000-000000000000');

const recordOf = (id: KernelId, generation: number): KernelRecord =>
  recordFixture({ generation, spec: specFixture({ id }) });

interface RecordFacts {
  /** Which generations each record may have; null: none. */
  readonly generations: Possible<number>;
}

/** A journal whose acknowledgements are noted. */
class NotedJournal {
  readonly #journal: FileJournal;
  readonly #note: (facts: RecordFacts) => void;
  #generations: Possible<number> = {};

  constructor(journal: FileJournal, note: (facts: RecordFacts) => void) {
    this.#journal = journal;
    this.#note = note;
  }

  write(id: KernelId, generation: number): Promise<void> {
    return this.#change(id, generation, () => this.#journal.write(recordOf(id, generation)));
  }

  remove(id: KernelId): Promise<void> {
    return this.#change(id, null, () => this.#journal.remove(id));
  }

  async #change(id: string, next: number | null, change: () => Promise<void>): Promise<void> {
    this.#allow(id, [...(this.#generations[id] ?? [null]), next]);
    await change();
    this.#allow(id, [next]);
  }

  #allow(id: string, possible: readonly (number | null)[]): void {
    this.#generations = { ...this.#generations, [id]: possible };
    this.#note({ generations: this.#generations });
  }
}

const stateDir = join(stateParent, 'node', 'kernelet');

/** Opens the folder as a daemon does: a record that is acknowledged lies in it. */
async function openJournal(): Promise<FileJournal> {
  return new FileJournal(await openStateFolder(stateDir), log);
}

async function checkRecords({ generations }: RecordFacts): Promise<void> {
  const { records, quarantined } = await (await openJournal()).load();
  if (quarantined.length > 0) throw new Error(`a record is damaged: ${quarantined[0]?.problem}`);
  const found = new Map(records.map((record) => [record.spec.id as string, record]));
  for (const record of records) {
    if (!isDeepStrictEqual(record, recordOf(record.spec.id, record.generation))) throw new Error('a record is mixed');
  }
  for (const id of [first, second])
    expectOneOf(`the record of ${id}`, generations[id], found.get(id)?.generation ?? null);
}

const nothing: RecordFacts = { generations: {} };

export const journalScenarios: readonly CrashScenario[] = [
  crashScenario<RecordFacts>({
    promise: 'a record is whole and as it was acknowledged last, and gone for good once its removal is',
    facts: nothing,
    work: async ({ note }) => {
      const journal = new NotedJournal(await openJournal(), note);
      await journal.write(first, 1);
      await Promise.all([journal.write(first, 2), journal.write(second, 1)]);
      await journal.remove(first);
      await journal.write(first, 3);
    },
    check: checkRecords,
  }),
  crashScenario<RecordFacts>({
    promise: 'a record is there once it is acknowledged, also where its first write has failed',
    facts: nothing,
    work: async ({ note, machine }) => {
      const { files } = machine.disk;
      const journal = new NotedJournal(await openJournal(), note);
      const { onChange } = files.durability;
      files.durability.onChange = () => {
        files.fill({ contested: true });
        onChange();
      };
      // Its folder is made, and no more.
      await journal.write(first, 1).catch(() => {});
      files.durability.onChange = onChange;
      files.empty();
      await journal.write(first, 2);
    },
    check: checkRecords,
  }),
  crashScenario<RecordFacts>({
    promise:
      'a record is there once it is acknowledged, also where an earlier process was killed while it wrote it first',
    facts: nothing,
    work: async ({ note, machine }) => {
      const state = await openStateFolder(stateDir);
      note({ generations: { [first]: [null, 1] } });
      await killedWith(machine, join(state.kernels, first, 'record.json'), async () => {
        await new FileJournal({ ...state, writes: new StateWrites() }, log).write(recordOf(first, 1));
      });
      const journal = new FileJournal({ ...state, writes: new StateWrites() }, log);
      const { records } = await journal.load();
      if (records.length === 0) throw new Error('the killed process has written no record');
      note({ generations: { [first]: [null, 1, 2] } });
      await journal.write(recordOf(first, 2));
      note({ generations: { [first]: [2] } });
    },
    check: checkRecords,
  }),
  crashScenario<{ readonly secret: readonly (string | null)[] }>({
    promise: 'a state folder has the secret and the name of the agent that it was opened with',
    facts: { secret: [null] },
    work: async ({ note }) => {
      const state = await openStateFolder(stateDir);
      note({ secret: [`${state.tag} ${state.agentId}`] });
    },
    check: async ({ secret }) => {
      const { tag, agentId } = await openStateFolder(stateDir);
      if (secret[0] !== null) expectOneOf('its secret', secret, `${tag} ${agentId}`);
    },
  }),
  crashScenario<RecordFacts>({
    promise:
      'a state folder is there with its records, also where the first process that opened it was killed meanwhile',
    facts: nothing,
    work: async ({ note, machine }) => {
      await killedWith(machine, join(stateDir, 'agent-id'), async () => {
        await openStateFolder(stateDir);
      });
      await new NotedJournal(await openJournal(), note).write(first, 1);
    },
    check: checkRecords,
  }),
];
