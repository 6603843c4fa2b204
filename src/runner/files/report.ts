/** What a file worker tells the runner: JSON documents, one a line, on its descriptor 3. */
import type { RunnerErrorCode } from '../../protocol/runner-messages.ts';

/** The descriptor of reports; the runner's `commit` of an upload comes in on it. */
export const reportDescriptor = 3;
/** The line that makes an upload real; without it what came is thrown away. */
export const commitLine = 'commit\n';

/** A report. */
export type FileReport =
  | { readonly ok: true; readonly result: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly code: RunnerErrorCode; readonly message: string };

/** Reads a report; null when it is not one: the worker is a process of the tenant's. */
export function parseReport(line: string): FileReport | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (value === null || typeof value !== 'object') return null;
  const { ok, result, code, message } = value as Readonly<Record<string, unknown>>;
  if (ok === true && result !== null && typeof result === 'object') {
    return { ok, result: result as Readonly<Record<string, unknown>> };
  }
  if (ok !== false || typeof message !== 'string') return null;
  const known = (['FORBIDDEN_PATH', 'FILE_NOT_FOUND', 'INVALID_ARGUMENT'] as const).find((item) => item === code);
  return { ok, code: known ?? 'FILE_ERROR', message: message.slice(0, 2000) };
}
