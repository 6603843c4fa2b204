/** Which kernels a caller wants listed. Pure. */
import type { KernelPhase, KernelRecord } from '../kernel/record.ts';

/** What a kernel must have to be listed; an empty list asks for nothing. */
export interface KernelFilter {
  /** Texts of which its name has one. */
  readonly names: readonly string[];
  /** Labels that it has all of; a value of null: any. */
  readonly labels: readonly (readonly [key: string, value: string | null])[];
  /** Phases of which it is in one. */
  readonly phases: readonly KernelPhase[];
}

/** That of a caller who wants all. */
export const everything: KernelFilter = { names: [], labels: [], phases: [] };

/** A label as people write it: `KEY` or `KEY=VALUE`. */
export function labelFilter(text: string): KernelFilter['labels'][number] {
  const at = text.indexOf('=');
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
}

/** Whether a kernel is among those that are wanted. */
export function passes({ spec, phase }: Pick<KernelRecord, 'spec' | 'phase'>, filter: KernelFilter): boolean {
  const { names, labels, phases } = filter;
  const has = new Map(spec.labels);
  return (
    (names.length === 0 || names.some((text) => spec.name?.includes(text))) &&
    (phases.length === 0 || phases.includes(phase)) &&
    labels.every(([key, value]) => (value === null ? has.has(key) : has.get(key) === value))
  );
}
