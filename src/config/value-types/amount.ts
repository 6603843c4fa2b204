/** Sizes and durations. */
import { byteSizeForms, formatByteSize, parseByteSize } from '../../lib/byte-size.ts';
import { durationForms, formatDuration, parseDuration } from '../../lib/duration.ts';
import type { Bounds } from './number.ts';
import { kind, type ValueType } from './value-type.ts';

/** A size in bytes (spec config-and-ops 2.3). */
export function byteSize(bounds: Bounds = {}): ValueType<number> {
  const least = bounds.min === undefined ? '' : `, at least ${formatByteSize(bounds.min)}`;
  return kind(`${byteSizeForms}${least}`, { type: ['string', 'integer'] }, (value) => {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'bigint') return undefined;
    const bytes = attempt(() => parseByteSize(value));
    return bytes !== undefined && bytes >= (bounds.min ?? 0) && bytes <= (bounds.max ?? Infinity) ? bytes : undefined;
  });
}

/** A duration in milliseconds. */
export function duration(bounds: { readonly min: number; readonly max: number }): ValueType<number> {
  const forms = `${durationForms}, from ${formatDuration(bounds.min)} to ${formatDuration(bounds.max)}`;
  return kind(forms, { type: 'string', examples: ['500ms', '2s', '5m'] }, (value) => {
    const ms = typeof value === 'string' ? attempt(() => parseDuration(value)) : undefined;
    return ms !== undefined && ms >= bounds.min && ms <= bounds.max ? ms : undefined;
  });
}

function attempt(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
