/** Text of tenants (file names, labels, variables) for a terminal or a table: nothing in it can move the cursor. */

const hidden = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu;

/** The text with control and invisible characters written as escapes: `\n`, `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.toWellFormed().replace(hidden, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    if (character === '\r') return '\\r';
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}
