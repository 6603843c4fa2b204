/** Reads the operating system's error codes off whatever was thrown. */

/** The code of a system error (`ENOENT`), or undefined for anything else. */
export function systemErrorCode(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' ? thrown.code : undefined;
}

/** What went wrong in a word where the system has one (`ENOENT`), else in the error's own. */
export const systemErrorText = (thrown: unknown): string => systemErrorCode(thrown) ?? String(thrown);

/** Whether something thrown is a system error with one of these codes. */
export function isSystemError(thrown: unknown, ...codes: readonly string[]): boolean {
  const code = systemErrorCode(thrown);
  return code !== undefined && codes.includes(code);
}
