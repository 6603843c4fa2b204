/** Commands of services that are one text, and which a shell gets (spec kernel-runner 12.1, 13). */

/** The variables that every service's templates have. */
const always = ['ports', 'runtime_path'];

/**
 * The command, as words that are templates. In `text` only `{NAME}` and `${{ NAME }}` of `variables`, `ports` and
 * `runtime_path`, each perhaps with an index, are such: all other braces are the shell's own.
 */
export function shellCommand(text: string, shell: string, variables: readonly string[] = []): readonly string[] {
  const braces = /\$\{\{\s*(\w+(?:\[\w+\])*)\s*\}\}|(?<!\$)\{(\w+)(?:\[\w+\])*\}|[{}]/g;
  const known = [...always, ...variables];
  const template = text.replace(braces, (brace, dollar?: string, name?: string) => {
    if (dollar !== undefined) return `{${dollar}}`;
    if (name !== undefined && known.includes(name)) return brace;
    return brace.replace(/[{}]/g, '$&$&');
  });
  return [shell, '-c', template];
}
