import type { PartOutcome } from './earlier-outcomes.mjs';

/** A mutant of Stryker's report. */
export interface Mutant {
  readonly status: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly location: { readonly start: { readonly line: number } };
}

export declare function countsOf(
  files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>,
): Omit<PartOutcome, 'name' | 'minutes'> & { readonly failures: readonly { readonly message: string }[] };
