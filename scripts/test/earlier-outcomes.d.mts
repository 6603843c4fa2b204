/** What came of a part: its tests by their outcome, and the minutes it took. */
export interface PartOutcome {
  readonly name: string;
  readonly minutes: number;
  readonly passed: number;
  readonly skipped: number;
  readonly failed: number;
}

export declare function digestOfSources(cwd?: string): string | null;

export declare class EarlierOutcomes {
  constructor(options: { readonly depth: string; readonly cwd?: string });
  readonly isKept: boolean;
  load(): Promise<void>;
  passed(name: string): PartOutcome | null;
  keep(outcome: PartOutcome): void;
}
