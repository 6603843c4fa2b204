/** What is wrong with a configuration: every problem, not only the first, each with its key, value, place and cure. */
import { KerneletError } from '../lib/errors.ts';
import { isSecretName, redactText } from '../lib/redaction.ts';

/** One value, or its absence, that is refused. */
export interface ConfigProblem {
  readonly key: string;
  /** The value as written, shortened; null when it is missing or secret. */
  readonly value: string | null;
  /** `agent.toml:12`, `environment variable BACKEND_PID_FILE`, `--socket`. */
  readonly place: string;
  /** What is wrong and what is accepted. */
  readonly message: string;
}

/** A configuration that can't be used. */
export class ConfigError extends KerneletError {
  readonly problems: readonly ConfigProblem[];
  /** What would be warned of if it could be used: a misspelt key may be the reason of a problem. */
  readonly warnings: readonly string[];

  constructor(problems: readonly ConfigProblem[], warnings: readonly string[] = []) {
    const [first] = problems;
    const lines = problems.map(describeProblem);
    const text = lines.length === 1 ? (lines[0] ?? '') : `${lines.length} keys are wrong:\n  ${lines.join('\n  ')}`;
    super('INVALID_CONFIG', text, {
      context: first ? { key: first.key, value: first.value, place: first.place, problems: problems.length } : {},
    });
    this.problems = problems;
    this.warnings = warnings;
  }
}

/** One line: place, key, value, what is wrong. */
export function describeProblem({ key, value, place, message }: ConfigProblem): string {
  return `${place}: ${key}${value === null ? '' : ` = ${value}`} ${message}`;
}

/** For `JSON.stringify`: what is secret by its name is left out, and what JSON has no form of is a text. */
export const shownItem = (name: string, item: unknown): unknown =>
  isSecretName(name) ? '[redacted]' : hasNoJson(item) ? String(item) : item;

/** A value in a short form for texts, without what is secret by its name or stands where an address may have a password. */
export function showValue(value: unknown): string {
  const text = redactText(JSON.stringify(value, shownItem) ?? 'null').replaceAll(/"(?:[^"\\]|\\.)*@/g, '"[redacted]@');
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

const hasNoJson = (value: unknown): boolean =>
  typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
