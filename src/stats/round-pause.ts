/** How long statistics rest between two rounds, so that they cost a bounded share of the machine. Pure. */

/** The share of one core that reading containers may take when the period is adaptive. */
const maxShare = 0.01;
const maxMs = 60_000;

/** What the pause between two rounds depends on. */
export interface PauseInput {
  /** From the begin of a round to the begin of the next. */
  readonly periodMs: number;
  /** Whether the period grows, up to a minute, so that reading containers takes 1 % of one core at most. */
  readonly adaptive: boolean;
  /** How long the last round read containers. */
  readonly busyMs: number;
  /** How long it took in all. */
  readonly tookMs: number;
}

/** From the end of a round to the begin of the next. Rounds never overlap; one that took too long skips turns. */
export function pauseAfter({ periodMs, adaptive, busyMs, tookMs }: PauseInput): number {
  const wanted = adaptive ? Math.max(periodMs, Math.min(maxMs, busyMs / maxShare)) : periodMs;
  const turns = Math.floor(tookMs / wanted) + 1;
  return turns * wanted - tookMs;
}
