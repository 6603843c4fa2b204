import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { byDepth } from '../../test/support/depth.ts';
import { Decimal, isAboveZero, plainText, sum, zero } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { type KernelId, parseKernelId } from '../lib/ids.ts';
import { AffinityMap } from './affinity.ts';
import { AllocationMap } from './allocation-map.ts';
import { Allocator, type KernelAllocation } from './allocator.ts';
import { DeviceLedger } from './device-ledger.ts';
import { ResourceError } from './resource-error.ts';
import { readResourceAccount, writeResourceTxt } from './resource-txt.ts';
import type { KnownSlots } from './slot-name.ts';

const schedules = byDepth({ quick: 1000, full: 100_000, nightly: 1_000_000 });
const kernel = (index: number): KernelId => parseKernelId(`00000000-0000-4000-8000-${String(index).padStart(12, '0')}`);
const known: KnownSlots = new Map([
  ['gpu.shares', 'count'],
  ['npu.device', 'count'],
  ['cpu', 'count'],
  ['mem', 'bytes'],
]);

interface Node {
  readonly cores: number;
  readonly gpus: readonly string[];
  readonly npus: number;
  readonly quantum: string;
  readonly strategy: 'fill' | 'evenly';
  readonly rule: '24.09' | '26.8';
}
type Command =
  | { readonly kind: 'allocate'; readonly kernel: number; readonly slots: readonly string[] }
  | { readonly kind: 'free'; readonly kernel: number }
  | { readonly kind: 'restart' };

/** A node as it is at the start of a process: nothing is allocated. */
function freshLedger({ cores, gpus, npus, quantum, strategy, rule }: Node): DeviceLedger {
  const ids = (count: number): readonly string[] => Array.from({ length: count }, (_, index) => String(index));
  const devices = (slot: string, all: readonly string[]) =>
    all.map((amount, index) => ({ id: String(index), slot, type: 'count', amount: new Decimal(amount) }) as const);
  const ones = (slot: string, count: number) =>
    devices(
      slot,
      ids(count).map(() => '1'),
    );
  const mem = [{ id: 'root', slot: 'mem', type: 'bytes', amount: new Decimal(4 * 2 ** 30) }] as const;
  const maps = new Map([
    [
      'gpu',
      new AllocationMap({
        kind: 'fraction',
        strategy,
        quantum: new Decimal(quantum),
        devices: devices('gpu.shares', gpus),
      }),
    ],
    ['npu', new AllocationMap({ kind: 'discrete', strategy: 'evenly', devices: ones('npu.device', npus) })],
    ['cpu', new AllocationMap({ kind: 'discrete', strategy, devices: ones('cpu', cores) })],
    ['mem', new AllocationMap({ kind: 'discrete', strategy: 'fill', devices: mem })],
  ]);
  const affinity = new AffinityMap(
    [...maps].flatMap(([device, map]) => map.options.devices.map(({ id }, index) => ({ device, id, numa: index % 2 }))),
  );
  return new DeviceLedger(new Allocator({ maps, affinity, order: ['gpu', 'cpu', 'mem'], policy: 'interleaved', rule }));
}

/** Amounts by `slot device`. */
type Amounts = ReadonlyMap<string, Decimal>;

/** The sums of allocations, without what is 0. */
function amounts(allocations: Iterable<KernelAllocation>): Amounts {
  const sums = new Map<string, Decimal>();
  for (const allocation of allocations) {
    for (const ofDevice of allocation.values()) {
      for (const [slot, ofSlot] of ofDevice) {
        for (const [id, amount] of ofSlot) {
          const place = `${slot} ${id}`;
          if (!amount.isZero()) sums.set(place, sums.get(place)?.plus(amount) ?? amount);
        }
      }
    }
  }
  return sums;
}

const areEqual = (left: Amounts, right: Amounts): boolean =>
  left.size === right.size && [...left].every(([place, amount]) => right.get(place)?.eq(amount));

const texts = (allocation: KernelAllocation): unknown =>
  Object.fromEntries([...amounts([allocation])].map(([place, amount]) => [place, plainText(amount)]));

/** A ledger of the next process, from what the former wrote down. */
function restarted(ledger: DeviceLedger, node: Node): DeviceLedger {
  const next = freshLedger(node);
  for (const [id, allocations] of ledger.held) {
    const slots = new Map(
      [...known.keys()].map((slot) => [
        slot,
        sum([...allocations.values()].flatMap((ofDevice) => [...(ofDevice.get(slot)?.values() ?? [])])),
      ]),
    );
    const spec = { containerId: '', slots, allocations, scratchBytes: new Decimal(0), mounts: [] };
    const text = writeResourceTxt(spec, { known });
    expect(next.restore(id, readResourceAccount(text, known).allocations)).toEqual([]);
  }
  return next;
}

/** What is allocated, which must be the sum of the leases and within the capacity. */
function check(ledger: DeviceLedger, capacity: Amounts): Amounts {
  const allocated = amounts([ledger.allocated()]);
  if (!areEqual(allocated, amounts(ledger.held.values()))) throw new Error('the maps are not the sum of the ledger');
  for (const [place, amount] of allocated) {
    const most = capacity.get(place) ?? zero;
    if (!isAboveZero(amount) || amount.gt(most)) {
      throw new Error(`${place} has ${plainText(amount)} of ${plainText(most)}`);
    }
  }
  return allocated;
}

function capacityOf({ cores, gpus, npus }: Node): Amounts {
  const ones = (slot: string, count: number) =>
    Array.from({ length: count }, (_, index) => [`${slot} ${index}`, new Decimal(1)] as const);
  return new Map([
    ...gpus.map((amount, index) => [`gpu.shares ${index}`, new Decimal(amount)] as const),
    ...ones('npu.device', npus),
    ...ones('cpu', cores),
    ['mem root', new Decimal(4 * 2 ** 30)],
  ]);
}

const nodes: fc.Arbitrary<Node> = fc.record({
  cores: fc.integer({ min: 1, max: 6 }),
  gpus: fc.array(fc.constantFrom('1', '0.5', '2.31', '13.5'), { maxLength: 4 }),
  npus: fc.integer({ min: 0, max: 3 }),
  quantum: fc.constantFrom('0.01', '0.1', '0.25', '0.3'),
  strategy: fc.constantFrom('fill', 'evenly'),
  rule: fc.constantFrom('24.09', '26.8'),
});
const slots = fc.tuple(
  fc.constantFrom('0', '0.1', '0.25', '0.33', '1', '1.75', '3', '100', '-1'),
  fc.constantFrom('0', '1', '2', '4'),
  fc.constantFrom('1', '2', '3', '7', '0.5'),
  fc.constantFrom('1', '1073741825', '4294967296', '1e30'),
);
const commands: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('allocate'), kernel: fc.nat({ max: 5 }), slots }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('free'), kernel: fc.nat({ max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart') }) },
);

/** Runs a command; a refused allocation must have changed nothing of what was allocated before. */
function runCommand(ledger: DeviceLedger, node: Node, command: Command, before: Amounts): DeviceLedger {
  if (command.kind === 'restart') return restarted(ledger, node);
  const id = kernel(command.kernel);
  const isHeld = ledger.held.has(id);
  if (command.kind === 'free') {
    const absent = ledger.absentReleases;
    if (ledger.release(id) !== isHeld || ledger.absentReleases !== absent + (isHeld ? 0 : 1)) {
      throw new Error('an absent release was not counted');
    }
    return ledger;
  }
  try {
    const asked = new Map(
      [...known.keys()].map((slot, index) => [slot, new Decimal(command.slots[index] ?? 0)] as const),
    );
    checkGrant(ledger.allocate(id, asked), asked);
    if (isHeld) throw new Error('a kernel was given devices twice');
  } catch (error) {
    if (!(error instanceof KerneletError)) throw error;
    if (!areEqual(amounts([ledger.allocated()]), before)) throw new Error(`${error.message} changed something`);
  }
  return ledger;
}

/** Whole slots get what was asked for, cut to whole units; fractions at most that. */
function checkGrant(granted: KernelAllocation, asked: ReadonlyMap<string, Decimal>): void {
  for (const [slot, amount] of asked) {
    const total = sum([...granted.values()].flatMap((ofDevice) => [...(ofDevice.get(slot)?.values() ?? [])]));
    const wanted = Decimal.max(0, amount);
    const good = total.lte(wanted) && (slot === 'gpu.shares' || slot === 'cpu' || total.eq(wanted.floor()));
    if (!good) throw new Error(`${plainText(total)} of ${slot} for ${plainText(amount)}`);
  }
}

describe('DeviceLedger', () => {
  // Of a hundred thousand refusals, nobody reads where they came from.
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  // @promise nothing-leaks, resources-add-up
  it('keeps its sums over any order of allocations, releases and restarts, and is empty after the last release', () => {
    fc.assert(
      fc.property(nodes, fc.array(commands, { maxLength: 12 }), (node, schedule) => {
        let ledger = freshLedger(node);
        const capacity = capacityOf(node);
        let allocated: Amounts = new Map();
        for (const command of schedule) {
          ledger = runCommand(ledger, node, command, allocated);
          allocated = check(ledger, capacity);
        }
        for (const id of [...ledger.held.keys()]) ledger.release(id);
        if (amounts([ledger.allocated()]).size > 0) throw new Error('something is left');
      }),
      { numRuns: schedules },
    );
  }, 600_000);

  it('enters what a running kernel holds beyond the capacity, and gives nothing of it to others', () => {
    const node: Node = { cores: 2, gpus: [], npus: 0, quantum: '0.1', strategy: 'evenly', rule: '24.09' };
    const ledger = freshLedger(node);
    const two = new Map([
      [
        'cpu',
        new Map([
          [
            'cpu',
            new Map([
              ['0', new Decimal(2)],
              ['9', new Decimal(1)],
            ]),
          ],
        ]),
      ],
    ]);
    expect(ledger.restore(kernel(1), two)).toEqual(['cpu 9']);
    expect(() => ledger.restore(kernel(1), two)).toThrow('holds devices already');
    const ask = (cores: number) => new Map([['cpu', new Decimal(cores)]]);
    expect(() => ledger.allocate(kernel(2), ask(2))).toThrow(
      new ResourceError({
        kind: 'insufficient',
        map: 'discrete',
        lack: 'amount',
        ask: { slot: 'cpu', amount: new Decimal(2), tag: 'cpu', type: 'count' },
        available: new Decimal(1),
      }),
    );
    expect(texts(ledger.allocate(kernel(2), ask(1)))).toEqual({ 'cpu 1': '1' });
    expect([ledger.release(kernel(1)), ledger.release(kernel(1)), ledger.absentReleases]).toEqual([true, false, 1]);
    expect(texts(ledger.allocated())).toEqual({ 'cpu 1': '1' });
  });
});
