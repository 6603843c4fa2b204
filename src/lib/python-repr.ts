/** Text as Python's `repr` shows it: failures reach people in that form (spec rpc 5.1). */

/** A quoted text: single quotes, unless it holds those and no double ones. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let shown = quote;
  for (const character of text) {
    if (character === quote || character === '\\') shown += `\\${character}`;
    else if (character === '\n') shown += '\\n';
    else if (character === '\r') shown += '\\r';
    else if (character === '\t') shown += '\\t';
    else if (character < ' ' || (character >= '\x7f' && character <= '\xa0')) {
      shown += `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
    } else shown += character;
  }
  return shown + quote;
}
