/**
 * Work on a simulated disk, and what it promises of every loss of power: after each change of the disk, and each sync, every
 * content that the disk may then have is found by enumeration, and the program that reads it is started on it.
 */
import { randomOf } from '../../support/random.ts';
import type { Choose, Durability, Tree } from '../world/durability.ts';
import { enter, Machine } from '../world/interposition.ts';
import { Owner } from '../world/timeline.ts';

/** Some work and its promise. `Facts`: what has been acknowledged so far, and what is under way. */
export interface Crashing<Facts> {
  /** What holds after a loss of power at any moment. */
  readonly promise: string;
  readonly facts: Facts;
  /** Does it, and notes what is true from then on. */
  readonly work: (at: { readonly note: (change: Partial<Facts>) => void; readonly machine: Machine }) => Promise<void>;
  /** Reads what is left, and throws when that breaks the promise. */
  readonly check: (facts: Facts) => Promise<void>;
}

/** What came of a scenario. */
export interface Explored {
  readonly promise: string;
  /** How many contents of the disk were read. */
  readonly states: number;
  /** How the promise was broken first; null: it held. */
  readonly failure: string | null;
}

/** A scenario that can be explored. */
export interface CrashScenario {
  readonly promise: string;
  /** Rejects with a defect of the harness. */
  readonly explore: (seed: number) => Promise<Explored>;
}

/** The parent of all that is made. It is there for good. */
export const stateParent = '/var/lib';
/** More possibilities at one moment than this are a mistake of the work: it is too large to be explored. */
const maxStates = 20_000;
/** No work and no reader takes longer, in simulated time. */
const longMs = 600_000;

interface DiskState<Facts> {
  readonly facts: Facts;
  readonly tree: Tree;
}

/** Makes a scenario of some work and its promise. */
export function crashScenario<Facts extends object>(crashing: Crashing<Facts>): CrashScenario {
  const { promise } = crashing;
  const explore = async (seed: number): Promise<Explored> => {
    const found = await statesDuring(crashing, seed);
    for (const { facts, tree } of found) {
      const failure = await run(machineAfter(tree, seed), () => crashing.check(facts));
      if (failure !== null) return { promise, states: found.length, failure: `${failure}\n${describe(facts, tree)}` };
    }
    return { promise, states: found.length, failure: null };
  };
  return { promise, explore };
}

/** Does something in a process of its own, which is killed when something has come to be at this path. */
export function killedWith(machine: Machine, at: string, act: () => Promise<void>): Promise<void> {
  const { files } = machine.disk;
  const { durability } = files;
  const { onChange } = durability;
  const process = new Owner('killed');
  return new Promise((resolve) => {
    durability.onChange = () => {
      onChange();
      if (process.hasEnded || !files.peek(at)) return;
      machine.kill(process);
      durability.onChange = onChange;
      machine.timeline.schedule(0, machine.world, resolve);
    };
    machine.timeline.schedule(0, process, () => void act());
  });
}

/** Every content that the disk may have after a loss of power at some moment of the work, with what is true by then. */
async function statesDuring<Facts extends object>(
  { work, facts: before }: Crashing<Facts>,
  seed: number,
): Promise<readonly DiskState<Facts>[]> {
  const machine = bootedMachine(1, seed);
  const found = new Map<string, DiskState<Facts>>();
  let facts = before;
  const { durability } = machine.disk.files;
  const look = (): void => {
    const known = JSON.stringify(facts);
    for (const tree of everyLoss(durability)) found.set(`${known}\n${keyOf(tree)}`, { facts, tree });
  };
  const note = (change: Partial<Facts>): void => {
    facts = { ...facts, ...change };
    look();
  };
  durability.onChange = look;
  const failure = await run(machine, () => work({ note, machine }));
  if (failure !== null) throw new Error(`the work itself has failed: ${failure}`);
  return [...found.values()];
}

function* everyLoss(durability: Durability): Generator<Tree> {
  let script: number[] = [];
  for (let count = 0; count < maxStates; count += 1) {
    const made: { readonly choice: number; readonly options: number }[] = [];
    const choose: Choose = (options) => {
      const choice = script[made.length] ?? 0;
      made.push({ choice, options });
      return choice;
    };
    yield durability.leftAfterLoss(choose);
    const last = made.findLastIndex(({ choice, options }) => choice + 1 < options);
    if (last < 0) return;
    script = made.slice(0, last + 1).map(({ choice }, index) => (index === last ? choice + 1 : choice));
  }
  throw new Error(`there are more than ${maxStates} possibilities at one moment`);
}

/** Runs something on a machine to its end; answers how it failed. */
async function run(machine: Machine, act: () => Promise<void>): Promise<string | null> {
  let ended: { readonly failure: string | null } | null = null;
  enter(machine);
  try {
    machine.timeline.schedule(0, new Owner('daemon'), () => {
      act().then(
        () => {
          ended = { failure: null };
        },
        (error: unknown) => {
          ended = { failure: String(error) };
        },
      );
    });
    await machine.timeline.run(longMs, () => ended !== null);
    return ended === null ? 'it does not come to an end' : (ended as { readonly failure: string | null }).failure;
  } finally {
    enter(null);
  }
}

/** A machine that is started for so many times. */
function bootedMachine(boot: number, seed: number): Machine {
  let parts = 0;
  const machine = new Machine(() => {
    parts += 1;
    return randomOf((seed * 2 + boot) * 8 + parts);
  });
  const { files } = machine.disk;
  files.plant(`${stateParent}/here`, '');
  files.plant('/proc/self/mountinfo', '21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n');
  files.plant('/proc/stat', `btime ${boot}\n`);
  files.plant('/proc/sys/kernel/random/boot_id', `${boot}0000000-0000-4000-8000-000000000000\n`);
  return machine;
}

function machineAfter(tree: Tree, seed: number): Machine {
  const machine = bootedMachine(2, seed);
  const { files } = machine.disk;
  for (const [at, content] of tree) {
    if (!at.startsWith(`${stateParent}/`)) continue;
    if (content === null) files.makeFolders(at, 0o700);
    else files.plant(at, content);
  }
  return machine;
}

function keyOf(tree: Tree): string {
  return [...tree].map(([at, content]) => `${at}\0${content?.toString('latin1') ?? ''}`).join('\0');
}

function describe(facts: object, tree: Tree): string {
  const lines = [...tree].flatMap(([at, content]) => {
    if (!at.startsWith(`${stateParent}/`)) return [];
    return [content === null ? `  ${at}/` : `  ${at}: ${JSON.stringify(content.toString('utf8').slice(0, 300))}`];
  });
  return [`with ${JSON.stringify(facts)} and on the disk`, ...lines].join('\n');
}
