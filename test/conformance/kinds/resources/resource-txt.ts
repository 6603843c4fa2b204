/** `resource_txt_write`, `resource_txt_read` and `scan_usage`. */
import { Decimal, parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import { KerneletError } from '../../../../src/lib/errors.ts';
import { parseFiniteBinarySize } from '../../../../src/resources/binary-size.ts';
import { type MountPermission, readResourceAccount, writeResourceTxt } from '../../../../src/resources/resource-txt.ts';
import { formatSlotAmounts } from '../../../../src/resources/slot-amounts.ts';
import type { SlotType } from '../../../../src/resources/slot-name.ts';
import { type AllocForm, checkOf, differ, formatAlloc, mustRefuse, parseAlloc } from './case.ts';

type Known = Readonly<Record<string, SlotType>>;

interface MountForm {
  readonly type: 'bind' | 'volume';
  readonly source: string;
  readonly target: string;
  readonly perm: MountPermission;
}

interface WriteCase {
  readonly known_slots: Known;
  readonly spec: {
    readonly container_id: string;
    readonly slots: readonly (readonly [string, string])[];
    readonly allocations: readonly (readonly [string, AllocForm])[];
    readonly scratch_disk_size: number;
    readonly mounts: readonly MountForm[];
  };
  readonly expect: string;
}

const knownOf = (form: Known): ReadonlyMap<string, SlotType> => new Map(Object.entries(form));

const write = checkOf<WriteCase>(({ known_slots: known, spec, expect }) =>
  differ(
    'the text',
    writeResourceTxt(
      {
        containerId: spec.container_id,
        slots: new Map(spec.slots.map(([slot, amount]) => [slot, parseDecimal(amount)] as const)),
        allocations: new Map(spec.allocations.map(([device, alloc]) => [device, parseAlloc(alloc)] as const)),
        scratchBytes: new Decimal(spec.scratch_disk_size),
        mounts: spec.mounts.map(({ perm, ...mount }) => ({ ...mount, permission: perm })),
      },
      { known: knownOf(known) },
    ),
    expect,
  ),
);

type Texts = Readonly<Record<string, string>>;

interface ReadCase {
  readonly known_slots: Known;
  readonly text: string;
  readonly error?: string;
  readonly expect?: {
    readonly container_id: string;
    readonly scratch_disk_size: string;
    readonly slots: Texts;
    readonly allocations: Readonly<Record<string, Readonly<Record<string, Texts>>>>;
    readonly mounts: readonly MountForm[];
  };
}

const plainTexts = (texts: Texts): Texts =>
  Object.fromEntries(Object.entries(texts).map(([slot, amount]) => [slot, plainText(parseDecimal(amount))]));

/** All fields, or a refusal. Amounts are compared as numbers. */
const read = checkOf<ReadCase>(({ known_slots: known, text, error, expect }) => {
  if (error !== undefined) return mustRefuse('it', () => allOf(text, known));
  return differ('it', allOf(text, known), expect && { ...expect, slots: plainTexts(expect.slots) });
});

/** What a program reads that the agent is not: the amounts by the agent's reader, and the rest, which it never asks for, here. */
function allOf(text: string, form: Known): ReadCase['expect'] {
  const known = knownOf(form);
  const { slots } = readResourceAccount(text, known);
  // Without amounts of slots, which are exact, the shares come as they are written: rounded.
  const { allocations } = readResourceAccount(text.replace(/^SLOTS=.*$/m, 'SLOTS={}'), known);
  const line = (key: string): string | undefined => text.match(new RegExp(`^${key}=(.*)$(?![^]*^${key}=)`, 'm'))?.[1];
  const needed = (key: string): string => {
    const value = line(key);
    if (value === undefined) throw new KerneletError('INVALID_ARGUMENT', `the line ${key}= is missing`);
    return value;
  };
  const mounts = needed('MOUNTS');
  return {
    container_id: line('CID') ?? 'unknown',
    scratch_disk_size: plainText(parseFiniteBinarySize(needed('SCRATCH_SIZE'))),
    slots: formatSlotAmounts(slots),
    allocations: Object.fromEntries(
      [...allocations].map(([device, allocation]) => [
        device,
        Object.fromEntries(formatAlloc(allocation).map(([slot, amounts]) => [slot, Object.fromEntries(amounts)])),
      ]),
    ),
    mounts: mounts === '' ? [] : mounts.split(',').map(mountOf),
  };
}

function mountOf(text: string): MountForm {
  const [, source = '', target = '', perm] = /^([^:]*):(\/[^:]*):(ro|rw|wd)$/.exec(text) ?? [];
  const isPath = source.startsWith('/');
  if ((perm !== 'ro' && perm !== 'rw' && perm !== 'wd') || (!isPath && source.includes('/'))) {
    throw new KerneletError('INVALID_ARGUMENT', `${JSON.stringify(text)} is not source:target:permission`);
  }
  return { type: isPath ? 'bind' : 'volume', source, target, perm };
}

/** Sums over files of what was asked for; a file that isn't there has nothing. */
const usage = checkOf<{ files: Readonly<Record<string, string | null>>; expect: Texts }>(({ files, expect }) => {
  const sums = new Map<string, Decimal>();
  for (const text of Object.values(files)) {
    const slots = text === null ? [] : readResourceAccount(text, new Map()).slots;
    for (const [slot, amount] of slots) sums.set(slot, (sums.get(slot) ?? new Decimal(0)).plus(amount));
  }
  return differ('the sums', formatSlotAmounts(sums), expect);
});

export { read as readResourceTxt, usage as scanUsage, write as writeResourceTxt };
