/** Makes the tenant known to the image: its lines in the user databases, written by ourselves (see `user-files.ts`). */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { isSystemError } from '../lib/system-error.ts';
import { editGroup, editPasswd, editShadow, editShells, type TenantUser } from './user-files.ts';

/** Writes the lines. What cannot be written, as on a read-only root, is told and left. */
export function setUpUser(user: TenantUser, problem: (text: string) => void): void {
  if (user.uid === 0) return;
  edit('/etc/group', (content) => editGroup(content, user), 0o644, problem);
  edit('/etc/passwd', (content) => editPasswd(content, user), 0o644, problem);
  edit('/etc/shells', (content) => editShells(content, user), 0o644, problem);
  edit('/etc/shadow', (content) => editShadow(content, user), 0o600, problem);
}

function edit(path: string, change: (content: string) => string, mode: number, problem: (text: string) => void): void {
  try {
    const before = readIfPresent(path);
    const after = change(before ?? '');
    if (before === null) mkdirSync('/etc', { recursive: true });
    // In place, since a file that was bound from outside cannot be replaced; no tenant runs yet.
    if (after !== before) writeFileSync(path, after, { mode, encoding: 'latin1' });
  } catch (error) {
    problem(`${path} was left as it is: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return null;
    throw error;
  }
}
