/** Lines of the log as people read them on a terminal. Pure. */
import { printable, type Style, styled } from './terminal-text.ts';

const levels: ReadonlyMap<unknown, readonly [name: string, style: Style]> = new Map([
  [20, ['DEBUG', 'dim']],
  [30, ['INFO ', 'green']],
  [40, ['WARN ', 'yellow']],
  [50, ['ERROR', 'red']],
]);

/** A log repeats texts of tenants. */
function valueText(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return printable(value);
  return printable(JSON.stringify(value) ?? '');
}

/** A line of a log, which is one JSON document, as `10:02:44 INFO  listening socket=/run/x`: local time, then what it says. */
export function logText(line: string, isStyled: boolean): string {
  const { level, time, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const style = (name: Style, text: string): string => (isStyled ? styled(name, text) : text);
  const [name, colour] = levels.get(level) ?? [String(level), 'dim'];
  const at = new Date(String(time)).toTimeString().slice(0, 8);
  const facts = Object.entries(fields).map(([key, value]) => style('dim', `${printable(key)}=${valueText(value)}`));
  return `${[style('dim', at), style(colour, name), printable(String(msg)), ...facts].join(' ')}\n`;
}
