/** What sources must keep to, beside what the linter checks. Pure. */

/** A longer file holds more than one concept. */
export const maxLines = 500;
const fewWords = 4;

/** A number, a piece of code, a unit or a condition: said in four words, and not said by the name. */
const saysSomething =
  /\d|`|\b(bytes|ms|milliseconds|seconds|percent|null|default|absent|absolute|sorted|optional|once|unless|only|never)\b/i;

/** Doc comments that say nothing: their line and text. */
export function emptyComments(text) {
  return [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\//g)].flatMap((found) => {
    const comment = found[1].replaceAll(/\n\s*\*/g, ' ').trim();
    if (comment.split(/\s+/).length > fewWords || saysSomething.test(comment)) return [];
    return [{ line: text.slice(0, found.index).split('\n').length, comment }];
  });
}
