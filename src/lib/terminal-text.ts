/** Text that goes to a terminal. Pure. */
import { styleText } from 'node:util';

/** A style of `util.styleText`. */
export type Style = Parameters<typeof styleText>[0];

/** Whether a terminal is to have colours, by the variables of its user. */
export const takesStyles = ({ NO_COLOR: noColor = '', TERM: term }: Readonly<Record<string, string | undefined>>) =>
  noColor === '' && term !== 'dumb';

/** Text in a style, whatever it is written to. */
export const styled = (style: Style, text: string): string => styleText(style, text, { validateStream: false });

/** All but what joins or parts letters of many scripts, and emoji, where it stands between such. */
const hidden =
  /(?!(?<=[\p{L}\p{M}\p{Extended_Pictographic}\p{Emoji_Modifier}])[\u200C\u200D](?=[\p{L}\p{M}\p{Extended_Pictographic}]))[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;

/**
 * Text of tenants (file names, labels, variables) for a terminal or a table, so that nothing in it can move the cursor:
 * with control and invisible characters written as escapes: `\n`, `\x1b`, `\u202e`.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    if (code > 0xffff) return `\\u{${code.toString(16)}}`;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** The same of several lines: those behind the first are set in, so that none of them looks like one of ours. */
export const printableLines = (text: string): string =>
  text
    .split('\n')
    .map((line, index) => (index === 0 || line.startsWith(' ') ? '' : '  ') + printable(line))
    .join('\n');
