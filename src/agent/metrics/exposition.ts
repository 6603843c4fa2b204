/**
 * The text format of Prometheus (version 0.0.4), in pieces, so that thousands of series don't hold up everything else.
 * Pure. Written by hand: the usual library keeps every series of every kernel as objects of its own and makes one text
 * at once.
 */
import type { Histogram } from '../../lib/histogram.ts';

/** The media type of the text. */
export const expositionType = 'text/plain; version=0.0.4; charset=utf-8';

/** A series of a family. Without a value it is left out. */
export interface Series {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number | null | undefined;
}

/** A histogram of a family. */
export interface HistogramSeries {
  readonly labels?: Readonly<Record<string, string>>;
  readonly histogram: Histogram;
}

/** A summary of a family: quantiles of what was seen lately, and how much was seen in all. */
export interface SummarySeries {
  readonly labels?: Readonly<Record<string, string>>;
  readonly quantiles: ReadonlyMap<string, number>;
  readonly sum: number;
  readonly count: number;
}

/** A family: a name with its unit, what it means, and its series. */
export type Family =
  | {
      readonly name: string;
      readonly type: 'gauge' | 'counter';
      readonly help: string;
      readonly series: Iterable<Series>;
    }
  | {
      readonly name: string;
      readonly type: 'histogram';
      readonly help: string;
      readonly series: Iterable<HistogramSeries>;
    }
  | {
      readonly name: string;
      readonly type: 'summary';
      readonly help: string;
      readonly series: Iterable<SummarySeries>;
    };

const linesAtOnce = 200;

/** The text of the families; families without a series are left out. */
export function* exposition(families: Iterable<Family>): Generator<string> {
  let lines: string[] = [];
  for (const family of families) {
    let isFirst = true;
    for (const line of linesOf(family)) {
      if (isFirst)
        lines.push(`# HELP ${family.name} ${escapeHelp(family.help)}`, `# TYPE ${family.name} ${family.type}`);
      isFirst = false;
      lines.push(line);
      if (lines.length < linesAtOnce) continue;
      yield `${lines.join('\n')}\n`;
      lines = [];
    }
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

function* linesOf(family: Family): Generator<string> {
  if (family.type === 'histogram') {
    for (const series of family.series) yield* histogramLines(family.name, series);
    return;
  }
  if (family.type === 'summary') {
    for (const series of family.series) yield* summaryLines(family.name, series);
    return;
  }
  for (const { labels, value } of family.series) {
    if (value !== null && value !== undefined) yield `${family.name}${labelText(labels)} ${numberText(value)}`;
  }
}

function* histogramLines(name: string, { labels = {}, histogram }: HistogramSeries): Generator<string> {
  let count = 0;
  for (const [index, more] of histogram.counts.entries()) {
    count += more;
    const le = numberText(histogram.bounds[index] ?? Number.POSITIVE_INFINITY);
    yield `${name}_bucket${labelText({ ...labels, le })} ${count}`;
  }
  yield `${name}_sum${labelText(labels)} ${numberText(histogram.sum)}`;
  yield `${name}_count${labelText(labels)} ${count}`;
}

function* summaryLines(name: string, { labels = {}, quantiles, sum, count }: SummarySeries): Generator<string> {
  for (const [quantile, value] of quantiles) yield `${name}${labelText({ ...labels, quantile })} ${numberText(value)}`;
  yield `${name}_sum${labelText(labels)} ${numberText(sum)}`;
  yield `${name}_count${labelText(labels)} ${count}`;
}

function labelText(labels: Readonly<Record<string, string>> = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const escapeLabel = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
const escapeHelp = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
