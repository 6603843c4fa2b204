/**
 * Takes secrets out of what leaves this process as text: lines of the log, errors, snapshots. Our own texts are made without
 * them; this is for what others repeat of them (servers, registries, parsers), and for values that stand under a name.
 * Two nets: names that say that a value is secret, and secrets that the process has been given, wherever they turn up.
 */

const hidden = '[redacted]';
const secretName =
  /(^|[-_])pass$|pass(word|wd|phrase)|secret|token|credential|private.?key|api.?key|authorization|^environ$|^envs?$/i;
/** Names of where a secret lies. */
const nameOfPlace = /(file|path|dir)$/i;
const deepest = 6;
const mostItems = 100;

/** Shorter values occur as words of texts, and taking those out would tell what the secret is. */
const shortestSecret = 6;
/** An operator's secrets are a handful: beyond this the first ones are forgotten. */
const mostSecrets = 256;

// The texts may be hostile: every repetition has a bound, or what ends it cannot stand in it.
/** `scheme://user:password@host`. */
const credentialsOfUrl = /\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"']*@/gi;
/** What JSON's parser says of a text that is none has up to 20 characters of it. */
const excerptOfJson = /(Unexpected token .{1,6}), (?:\.{3})?".{0,40}?"(?:\.{3})? is not valid JSON/gs;

/** Whether the value of a field of this name is a secret. */
export const isSecretName = (name: string): boolean => secretName.test(name) && !nameOfPlace.test(name);

const isLong = ({ length }: string): boolean => length >= shortestSecret;

const kept = new Set<string>();
let pattern: RegExp | null = null;

/** From here on the value is taken out of every text; one of fewer than 6 characters is not. */
export function keepSecret(value: string): void {
  if (!isLong(value) || kept.has(value)) return;
  kept.add(value);
  if (kept.size > mostSecrets) kept.delete(kept.values().next().value ?? '');
  pattern = patternOf([...kept]);
}

/** The same for every text and number that stands under the name of a secret, in tables at any depth. */
export function keepSecretsOf(table: object, isSecret = false): void {
  for (const [name, value] of Object.entries(table)) {
    const isOne = isSecret || isSecretName(name);
    if (typeof value === 'object' && value !== null) keepSecretsOf(value, isOne);
    else if (isOne && (typeof value === 'string' || typeof value === 'number')) keepSecret(String(value));
  }
}

/** The text without secrets: those that are kept, these, and credentials of URLs. */
export function redactText(text: string, these: readonly string[] = []): string {
  const local = patternOf(these);
  let shown = local === null ? text : text.replace(local, hidden);
  if (pattern !== null) shown = shown.replace(pattern, hidden);
  if (shown.includes('://')) shown = shown.replace(credentialsOfUrl, `$1${hidden}@`);
  return shown.includes('not valid JSON') ? shown.replace(excerptOfJson, '$1') : shown;
}

/** What stands behind it in a text of ours, a tenant has printed: for whoever asks about the kernel, and not for a log. */
export const beforeOutput = '; the end of its log:\n';

/** The text without what a tenant has printed. */
export const withoutOutput = (text: string): string => text.split(beforeOutput, 1)[0] ?? '';

/** A copy for the log, in which the values of secret-looking names read `[redacted]`, and no text has a secret or a tenant's output. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(withoutOutput(value));
  if (value instanceof Error) {
    const code = 'code' in value ? value.code : undefined;
    return {
      name: value.name,
      message: redactText(withoutOutput(value.message)),
      ...(code === undefined ? {} : { code }),
      cause: redact(value.cause, depth + 1),
    };
  }
  if (value === null || typeof value !== 'object') return value;
  if (depth >= deepest) return '[deep]';
  if (Array.isArray(value)) return value.slice(0, mostItems).map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, isSecretName(name) ? hidden : redact(item, depth + 1)]),
  );
}

/** Matches the values as they are, in JSON and in URLs; the longest first, of which another may be a part. */
function patternOf(values: readonly string[]): RegExp | null {
  const forms = values
    .filter(isLong)
    .flatMap((value) => [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed())]);
  if (forms.length === 0) return null;
  const longestFirst = [...new Set(forms)].sort((one, other) => other.length - one.length);
  return new RegExp(longestFirst.map((form) => form.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'), 'g');
}
