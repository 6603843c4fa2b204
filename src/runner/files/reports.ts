/** What a file worker says to the runner, and hears of it. */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { KerneletError } from '../../lib/errors.ts';
import { isSystemError, systemErrorCode } from '../../lib/system-error.ts';
import { commitLine, type FileReport, reportCodes, reportDescriptor } from './worker-process.ts';

/** Sends a report. Synchronous, so that nothing is lost when the process ends. */
export function report(document: FileReport): void {
  const bytes = Buffer.from(`${JSON.stringify(document)}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(reportDescriptor, bytes, written);
    } catch (error) {
      if (!isSystemError(error, 'EAGAIN')) throw error;
    }
  }
}

/** Whether the runner has said that what was uploaded is whole. */
export async function committed(): Promise<boolean> {
  const socket = new Socket({ fd: reportDescriptor, readable: true, writable: false });
  let text = '';
  // Reports still go out on this descriptor, so leaving the loop must not close it.
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (text.includes(commitLine)) return true;
  }
  return false;
}

/** Whatever was thrown, as a report about this path. */
export function failure(error: unknown, path: string): FileReport {
  if (error instanceof KerneletError) {
    const code = reportCodes.find((known) => known === error.code) ?? 'FILE_ERROR';
    return { ok: false, code, message: error.message };
  }
  const shown = JSON.stringify(path.slice(0, 300));
  switch (systemErrorCode(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
      return { ok: false, code: 'FILE_NOT_FOUND', message: `${shown} does not exist` };
    default:
      return { ok: false, code: 'FILE_ERROR', message: `${shown}: ${systemReason(error)}` };
  }
}

/** The system's words, without the call and its paths, which mean nothing to whoever asked: `EACCES: permission denied`. */
export function systemReason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return systemErrorCode(error) === undefined ? text : text.replace(/, \w+(?: '.*)?$/s, '');
}
