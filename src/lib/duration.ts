/** Durations as people write them: `500ms`, `2s`, `5m`, `1h`. In the code they are numbers of milliseconds. */
import { KerneletError } from './errors.ts';

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
const form = /^(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)$/;

/** The longest duration that is accepted: about 31 years, so that sums with the clock stay exact. */
const maxMs = 1e12;

/** What the forms look like, for texts. */
export const durationForms = 'a duration such as 500ms, 2s, 5m or 1h';

/** Reads a duration into milliseconds. Throws INVALID_ARGUMENT, which begins with `what`. */
export function parseDuration(text: string, what = 'duration'): number {
  const [, amount, unit] = form.exec(text.trim().toLowerCase()) ?? [];
  const ms = Number(amount) * (units[unit as keyof typeof units] ?? Number.NaN);
  if (!(ms <= maxMs)) {
    throw new KerneletError('INVALID_ARGUMENT', `${what} ${JSON.stringify(text.slice(0, 80))} is not ${durationForms}`);
  }
  return Math.round(ms);
}

/** The exact form in the largest unit that gives a whole number, which `parseDuration` reads back. */
export function formatDuration(ms: number): string {
  for (const unit of ['h', 'm', 's'] as const) {
    if (ms !== 0 && ms % units[unit] === 0) return `${ms / units[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** A form of one unit, for tables: `5 s`, `3 min`, `2 h`, `9 d`. */
export function describeAge(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`;
}

/** A rounded form for people: `4 ms`, `1.24 s`, `2 min 5 s`, `3 h 12 min`. */
export function describeDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
