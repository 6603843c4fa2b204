/** Gaps: figures that are missing, and why. */
import { systemErrorCode } from '../lib/system-error.ts';

/** Why figures are missing. */
export interface MissingMetric {
  /** The family of the figures: `memory`. */
  readonly source: string;
  /** One sentence: `memory.stat has no line inactive_file`. */
  readonly reason: string;
}

/** A gap by what was thrown while its figures were read. */
export function missingMetricOf(source: string, thrown: unknown): MissingMetric {
  const code = systemErrorCode(thrown);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { source, reason: code === undefined || message.includes(code) ? message : `${message} (${code})` };
}
