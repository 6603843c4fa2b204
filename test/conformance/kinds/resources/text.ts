/** Tables of text forms and small functions. */
import { limitsOf, sharesOf } from '../../../../src/devices/fractional-gpu.ts';
import { Decimal, floorTo, parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import { displayBinarySize, formatBinarySize, parseBinarySize } from '../../../../src/resources/binary-size.ts';
import { parseCpuset } from '../../../../src/resources/cpuset.ts';
import {
  formatSlotAmounts,
  normaliseToKnown,
  parseSlotAmounts,
  type SlotAmounts,
} from '../../../../src/resources/slot-amounts.ts';
import { areExclusive, type SlotType } from '../../../../src/resources/slot-name.ts';
import { distribute } from '../../../../src/resources/strategy.ts';
import { compareSlots, parseSlotAmount } from './amounts.ts';
import { caughtFrom, checkOf, differ, eachRow, firstOf, mustRefuse } from './case.ts';

interface Table<Row> {
  readonly rows: readonly Row[];
}
type Texts = Readonly<Record<string, string>>;

const tableOf = <Row>(check: (row: Row) => string | null) => checkOf<Table<Row>>(({ rows }) => eachRow(rows, check));

export const cpuset = tableOf<{ input: string; expect?: readonly number[]; error?: boolean }>(
  ({ input, expect, error }) =>
    error ? mustRefuse('it', () => parseCpuset(input)) : differ('it', parseCpuset(input), expect),
);

export const sizeParse = tableOf<{ input: string; expect?: string; error?: string }>(({ input, expect, error }) =>
  error === undefined
    ? differ('it', plainText(parseBinarySize(input)), expect)
    : mustRefuse('it', () => parseBinarySize(input)),
);

/** Sizes that are written; what 24.09 wrote with an exponent must be readable. */
export const sizeFormat = tableOf<{
  value: string;
  auto: string;
  text: string;
  m: string;
  g: string;
  k: string;
  plain: string;
  upstream_24_09?: Texts;
}>(({ value, upstream_24_09: old = {}, ...expected }) => {
  const size = parseDecimal(value);
  const { auto, text, m, g, k, plain } = expected;
  return firstOf(
    differ('auto', formatBinarySize(size, 'auto'), auto),
    differ('text', displayBinarySize(size), text),
    differ('m', formatBinarySize(size, 'm'), m),
    differ('g', formatBinarySize(size, 'g'), g),
    differ('k', formatBinarySize(size, 'k'), k),
    differ('plain', plainText(size), plain),
    ...(['auto', 'm', 'k'] as const)
      .filter((format) => old[format] !== undefined)
      .map((format) =>
        differ(
          `the reading of ${old[format]}`,
          plainText(parseBinarySize(old[format] ?? '')),
          plainText(parseBinarySize(expected[format])),
        ),
      ),
  );
});

/** One amount by its slot's type. */
export const slotNormalise = tableOf<{ slot: string; input: string; type: SlotType; expect?: string; error?: string }>(
  ({ slot, input, type, expect, error }) => {
    const read = (): string => plainText(parseSlotAmount(slot, input, type));
    if (error === undefined) return differ('it', read(), expect);
    const caught = caughtFrom(read);
    return differ('the error', caught instanceof Error ? caught.message : caught, error);
  },
);

const plainTexts = (amounts: SlotAmounts): Texts => formatSlotAmounts(amounts);

export const slotJson = tableOf<{ input: Texts; expect: Texts }>(({ input, expect }) =>
  differ('it', plainTexts(parseSlotAmounts(input)), plainTexts(parseSlotAmounts(expect))),
);

/** Every known slot and no other. */
export const slotKnown = tableOf<{ known: readonly string[]; input: Texts; expect: Texts }>(
  ({ known, input, expect }) => {
    const slots = new Map(known.map((slot) => [slot, 'count'] as const));
    return differ('it', plainTexts(normaliseToKnown(parseSlotAmounts(input), slots)), expect);
  },
);

export const slotCompare = tableOf<{
  a: Texts;
  b: Texts;
  eq: boolean;
  le: boolean;
  lt: boolean;
  ge: boolean;
  gt: boolean;
}>(({ a, b, ...expect }) => {
  const { equal, atMost, atLeast } = compareSlots(parseSlotAmounts(a), parseSlotAmounts(b));
  return differ('it', { eq: equal, le: atMost, lt: atMost && !equal, ge: atLeast, gt: atLeast && !equal }, expect);
});

export const distribution = tableOf<{ items: number; groups: number; expect: readonly number[] }>(
  ({ items, groups, expect }) => {
    const share = distribute(BigInt(items), groups);
    return differ(
      'it',
      Array.from({ length: groups }, (_, place) => Number(share(place))),
      expect,
    );
  },
);

export const roundDown = tableOf<{ value: string; step: string; expect: string }>(({ value, step, expect }) =>
  differ('it', plainText(floorTo(parseDecimal(value), parseDecimal(step))), plainText(parseDecimal(expect))),
);

/** Slots that can't be had at once. */
export const exclusive = tableOf<{
  patterns: readonly string[];
  a: string;
  b: string;
  expect: boolean;
  without_patterns: boolean;
}>(({ patterns, a, b, expect, without_patterns: bare }) =>
  firstOf(
    differ('it', areExclusive(patterns, a, b), expect),
    differ('it without patterns', areExclusive([], a, b), bare),
  ),
);

interface ShareRow {
  readonly share: string;
  readonly unit_mem: string;
  readonly unit_proc: number;
}

const unitOf = (row: ShareRow) => ({ unitMemory: new Decimal(row.unit_mem), unitProcessors: row.unit_proc });

export const mockShare = tableOf<ShareRow & { memory_size: string; subproc_count: number }>((row) =>
  differ('it', plainText(sharesOf(new Decimal(row.memory_size), row.subproc_count, unitOf(row))), row.share),
);

export const mockLimits = tableOf<ShareRow & { mem: string; proc: number; mem_text: string }>((row) => {
  const { memoryBytes, processors } = limitsOf(new Decimal(row.share), unitOf(row));
  return firstOf(
    differ('the memory', plainText(memoryBytes), row.mem),
    differ('the processors', processors, row.proc),
    differ("the memory's text", plainText(memoryBytes), row.mem_text),
  );
});
