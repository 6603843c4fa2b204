/** Lines of the log as people read them on a terminal. Pure. */
import { styleText } from 'node:util';

const levels: ReadonlyMap<unknown, readonly [name: string, style: Parameters<typeof styleText>[0]]> = new Map([
  [20, ['DEBUG', 'dim']],
  [30, ['INFO ', 'green']],
  [40, ['WARN ', 'yellow']],
  [50, ['ERROR', 'red']],
]);

/** What a terminal would not print as it is: a log repeats texts of tenants. */
const hidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;

const escaped = (text: string): string =>
  text.replace(hidden, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`);

function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return escaped(value);
  return escaped(JSON.stringify(value) ?? '');
}

/** A line of a log, which is one JSON document, as `10:02:44 INFO  listening socket=/run/x`: local time, then what it says. */
export function logText(line: string, styled: boolean): string {
  const { level, time, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const style = (name: Parameters<typeof styleText>[0], text: string): string =>
    styled ? styleText(name, text, { validateStream: false }) : text;
  const [name, colour] = levels.get(level) ?? [String(level), 'dim'];
  const at = new Date(String(time)).toTimeString().slice(0, 8);
  const facts = Object.entries(fields).map(([key, value]) => style('dim', `${escaped(key)}=${valueText(value)}`));
  return `${[style('dim', at), style(colour, name), escaped(String(msg)), ...facts].join(' ')}\n`;
}
