/** What the checks of resource vectors share: the forms of cases, and comparison. */
import { isDeepStrictEqual } from 'node:util';
import { resourceClass, resourceText } from '../../../../src/backendai/rpc/rpc-failure.ts';
import { parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import { KerneletError } from '../../../../src/lib/errors.ts';
import type { Allocation } from '../../../../src/resources/allocation.ts';
import { ResourceError } from '../../../../src/resources/resource-error.ts';

/** The release whose behaviour a case wants. */
export type Mode = '24.09' | '26.8';

/** A case; the other fields are its kind's. */
export interface ResourceCase {
  readonly id: string;
  readonly kind: string;
  readonly versions?: readonly Mode[];
  readonly same_in_26_8?: boolean;
}

/** Runs a case in one mode: what differs, or null. */
export type ResourceCheck = (item: ResourceCase, mode: Mode) => string | null;

/** A check for cases of one form, which only their kind tells. */
export const checkOf =
  <Form>(check: (item: Form, mode: Mode) => string | null): ResourceCheck =>
  (item, mode) =>
    check(item as Form, mode);

/** What differs when two JSON values do. */
export function differ(what: string, actual: unknown, expected: unknown): string | null {
  const [got, wanted] = [JSON.parse(JSON.stringify(actual) ?? 'null'), expected];
  if (isDeepStrictEqual(got, wanted)) return null;
  const shown = (value: unknown): string => JSON.stringify(value)?.slice(0, 600) ?? 'nothing';
  return `${what} is ${shown(got)}, not ${shown(wanted)}`;
}

/** The first problem of several. */
export const firstOf = (...problems: readonly (string | null)[]): string | null =>
  problems.find((problem) => problem !== null) ?? null;

/** An allocation as vectors have it. */
export type AllocForm = readonly (readonly [string, readonly (readonly [string, string])[]])[];

/** The amounts of a written allocation in plain notation. */
export const plainAlloc = (alloc: AllocForm): AllocForm =>
  alloc.map(([slot, amounts]) => [slot, amounts.map(([id, amount]) => [id, plainText(parseDecimal(amount))])]);

export const parseAlloc = (alloc: AllocForm): Allocation =>
  new Map(
    alloc.map(([slot, amounts]) => [slot, new Map(amounts.map(([id, amount]) => [id, parseDecimal(amount)]))] as const),
  );

export const formatAlloc = (allocation: Allocation): AllocForm =>
  [...allocation].map(([slot, amounts]) => [slot, [...amounts].map(([id, amount]) => [id, plainText(amount)])]);

/** An error as vectors have it. */
export interface ErrorForm {
  readonly class: string;
  readonly message?: string;
}

/** A text whose numbers are all in plain notation, however they were written. */
const plainNumbers = (text: string): string =>
  text
    .replace(/Decimal\('([^']*)'\)/g, '$1')
    .replace(/(?<![\w.'-])\d+(?:\.\d+)?(?:E[+-]?\d+)?(?![\w'-])/g, (number) => plainText(parseDecimal(number)));

/** What differs between a caught error and the wanted one: the class must match, and the text but for how numbers look. */
export function differFromError(caught: unknown, wanted: ErrorForm): string | null {
  if (!(caught instanceof ResourceError)) return `threw ${String(caught)}, not ${wanted.class}`;
  return firstOf(
    differ('the error class', resourceClass(caught), wanted.class),
    wanted.message === undefined
      ? null
      : differ('the error text', plainNumbers(resourceText(caught)), plainNumbers(wanted.message)),
  );
}

/** What a call throws; undefined when it doesn't. */
export function caughtFrom(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** A problem unless the call throws a KerneletError. */
export function mustRefuse(what: string, call: () => unknown): string | null {
  const caught = caughtFrom(call);
  if (caught instanceof KerneletError) return null;
  return caught === undefined ? `${what} was accepted` : `${what} threw ${String(caught)}`;
}

/** The first problem of a table's rows. A table without rows is one. */
export function eachRow<Row>(rows: readonly Row[], check: (row: Row) => string | null): string | null {
  if (rows.length === 0) return 'the table has no rows';
  for (const row of rows) {
    const problem = check(row);
    if (problem !== null) return `${JSON.stringify(row).slice(0, 200)}: ${problem}`;
  }
  return null;
}
