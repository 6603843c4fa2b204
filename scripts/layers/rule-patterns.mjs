/**
 * The patterns of rules of dependency-cruiser, and which of them match nothing. A pattern `^src/(a|b)/` counts as two:
 * a rule that names a folder which is gone would otherwise go on as if it held something. Pure.
 */

/** A pattern with its first group of alternatives written out, and theirs in turn. */
export function alternativesOf(pattern) {
  const group = /\((?!\?)([^()]*\|[^()]*)\)(?![?*])/.exec(pattern);
  if (!group) return [pattern];
  const before = pattern.slice(0, group.index);
  const after = pattern.slice(group.index + group[0].length);
  return group[1].split('|').flatMap((one) => alternativesOf(`${before}${one}${after}`));
}

/** The patterns of these rules that match none of these paths of modules, with the rule's name. */
export function idlePatterns(rules, paths) {
  return rules.flatMap(({ name, from = {}, to = {} }) =>
    [from.path, from.pathNot, to.path, to.pathNot]
      .flat()
      .filter((pattern) => pattern !== undefined)
      .flatMap(alternativesOf)
      .filter((pattern) => !paths.some((path) => new RegExp(pattern).test(path)))
      .map((pattern) => ({ name, pattern })),
  );
}
