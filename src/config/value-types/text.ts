/** Texts, choices, lists, sets and paths (spec config-and-ops 2.4). */
import { parseAgentId } from '../../lib/ids.ts';
import { type ValueType, valueType } from '../definition.ts';

/** A text that is not blank. */
export const text: ValueType<string> = valueType(
  'a text of at least one character',
  { type: 'string', minLength: 1 },
  (value) => (typeof value === 'string' && value.trim() !== '' ? value : undefined),
);

/** The name of an agent, as containers and keys of a cluster bear it. */
export const agentId: ValueType<string> = valueType(
  'an id of 1 to 64 letters, digits, ".", "_" and "-"',
  { type: 'string', minLength: 1, maxLength: 64 },
  (value) => {
    try {
      return typeof value === 'string' ? parseAgentId(value) : undefined;
    } catch {
      return undefined;
    }
  },
);

/** A unit of systemd, as an argument of its programs. */
export const unitName: ValueType<string> = valueType(
  'the name of a unit of systemd, such as "kernelet.service"',
  { type: 'string', pattern: '^[A-Za-z0-9:_.\\\\@][A-Za-z0-9:_.\\\\@-]{0,254}$' },
  (value) =>
    typeof value === 'string' && /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}$/.test(value) ? value : undefined,
);

/** A text that may be blank; null counts as blank. */
export const blankableText: ValueType<string> = valueType('a text', { type: ['string', 'null'] }, (value) => {
  if (value === null) return '';
  return typeof value === 'string' ? value : undefined;
});

/** One of a few words. `anyCase` takes every letter case and gives the word as listed. */
export function choice<const Word extends string>(
  words: readonly Word[],
  options: { anyCase?: boolean } = {},
): ValueType<Word> {
  const json = options.anyCase ? { type: 'string', examples: words } : { enum: words };
  return valueType(`one of ${words.join(', ')}`, json, (value) =>
    words.find((word) => word === value || (options.anyCase && equalsInAnyCase(word, value))),
  );
}

function equalsInAnyCase(word: string, value: unknown): boolean {
  return typeof value === 'string' && value.toLowerCase() === word.toLowerCase();
}

/** A path. It is made absolute against the working directory later; `~` is not expanded. */
export const path: ValueType<string> = valueType('a path', { type: 'string', minLength: 1 }, (value) =>
  typeof value === 'string' && value !== '' && !value.includes('\0') ? value : undefined,
);

const textArray = (value: unknown): readonly string[] | undefined =>
  Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;

/** Texts in their order, of which one may be there twice. */
export const textList: ValueType<readonly string[]> = valueType(
  'a list of texts',
  { type: 'array', items: { type: 'string' } },
  textArray,
);

/** A set of texts; a single text counts as a set of one. */
export const textSet: ValueType<readonly string[]> = valueType(
  'a list of texts, each once',
  { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
  (value) => {
    const items = typeof value === 'string' ? [value] : textArray(value);
    return items && [...new Set(items)];
  },
);

/** A list of absolute paths. */
export const absolutePaths: ValueType<readonly string[]> = valueType(
  'a list of absolute paths, such as ["/data"]',
  { type: 'array', items: { type: 'string', pattern: '^/' } },
  (value) => {
    const items = textArray(value);
    return items?.every((item) => item.startsWith('/') && !item.includes('\0')) ? items : undefined;
  },
);

/** Tables of options, whose values are taken as texts: what upstream keeps as texts may be written as numbers. */
export const optionTables: ValueType<Readonly<Record<string, Readonly<Record<string, string>>>>> = valueType(
  'tables of options, each a text, a number, true or false',
  {
    type: 'object',
    additionalProperties: { type: 'object', additionalProperties: { type: ['string', 'number', 'boolean'] } },
  },
  (value) => {
    if (!isRecord(value)) return undefined;
    const tables: [string, Readonly<Record<string, string>>][] = [];
    for (const [name, table] of Object.entries(value)) {
      if (!isRecord(table)) return undefined;
      const options = Object.entries(table);
      if (!options.every(([, option]) => ['string', 'number', 'bigint', 'boolean'].includes(typeof option))) {
        return undefined;
      }
      tables.push([name, Object.fromEntries(options.map(([key, option]) => [key, String(option)]))]);
    }
    return Object.fromEntries(tables);
  },
);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
