/** What sources must keep to, beside what the linter checks. Pure. */

/** A longer file holds more than one concept. */
const maxLines = 500;
const fewWords = 4;

/** A number, a piece of code, a tag, a code of errors, a unit or a condition: said in four words, and not said by the name. */
const saysSomething =
  /\d|`|@|\b(bytes|ms|milliseconds|seconds|percent|null|default|absent|absolute|sorted|optional|once|unless|only|never)\b/i;
const namesAnError = /\b[A-Z]+(?:_[A-Z]+)+\b/;

/** Doc comments that say nothing: their line and text. */
export function emptyComments(text) {
  return [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\//g)].flatMap((found) => {
    const comment = found[1].replaceAll(/\n\s*\*/g, ' ').trim();
    if (comment.split(/\s+/).length > fewWords || saysSomething.test(comment) || namesAnError.test(comment)) return [];
    return [{ line: text.slice(0, found.index).split('\n').length, comment }];
  });
}

/** What a merge leaves that nobody has ended: prose goes on without an error. */
const conflict = /^(?:<{7}|>{7}) /m;

/** What is wrong with the text of this file, a line each. Of prose alone what no merge should leave. */
export function problemsOf(path, text) {
  if (conflict.test(text)) return [`${path} has the marks of a merge that was not ended`];
  if (path.endsWith('.md')) return [];
  const lines = text.split('\n').length - 1;
  return [
    ...(lines > maxLines ? [`${path} has ${lines} lines, more than ${maxLines}`] : []),
    ...emptyComments(text).map(({ line, comment }) => `${path}:${line}: "${comment}" says no more than the name`),
  ];
}
