/**
 * Makes the tenant known to the image: its lines in the user databases, written
 * by ourselves, since images have no tool in common for it (spec kernel-runner 5.1).
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isSystemError } from '../lib/system-error.ts';

/** Where upstream allows it too. */
const sudoersPath = '/etc/sudoers.d/01-bai-work';

/** Writes the lines. What cannot be written, as on a read-only root, is reported and left as it is. */
export function setUpUser(user: TenantUser, problem: (text: string) => void): void {
  if (user.uid === 0) return;
  edit('/etc/group', (content) => editGroup(content, user), 0o644, problem);
  edit('/etc/passwd', (content) => editPasswd(content, user), 0o644, problem);
  edit('/etc/shells', (content) => editShells(content, user), 0o644, problem);
  edit('/etc/shadow', (content) => editShadow(content, user), 0o600, problem);
}

/**
 * Lets the user become root by `sudo`, without a password, in images that have it (spec kernel-lifecycle 7.5). Answers
 * whether it could be written down: a session that was promised it is of no use without.
 */
export function allowSudo({ name }: Pick<TenantUser, 'name'>, problem: (text: string) => void): boolean {
  try {
    mkdirSync('/etc/sudoers.d', { recursive: true, mode: 0o755 });
    rmSync(sudoersPath, { force: true });
    writeFileSync(sudoersPath, `${name} ALL=(ALL:ALL) NOPASSWD:ALL\n`, { mode: 0o440, flag: 'wx' });
    return true;
  } catch (error) {
    problem(`sudo cannot be allowed: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
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

/** The tenant as the user databases know it. */
export interface TenantUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** `/etc/group` with a group for the tenant's gid. A group that has the gid already keeps its name. */
export function editGroup(content: string, user: TenantUser): string {
  const lines = splitLines(content);
  if (lines.some((line) => field(line, 2) === String(user.gid))) return joinLines(lines);
  const others = lines.filter((line) => field(line, 0) !== user.name);
  return joinLines([...others, `${user.name}:x:${user.gid}:`]);
}

/** `/etc/passwd` with exactly one line of this uid, and it bears the tenant's name, home and shell. */
export function editPasswd(content: string, user: TenantUser): string {
  const others = splitLines(content).filter(
    (line) => field(line, 0) !== user.name && field(line, 2) !== String(user.uid),
  );
  return joinLines([...others, `${user.name}:x:${user.uid}:${user.gid}:User ${user.name}:${user.home}:${user.shell}`]);
}

/** `/etc/shadow` with a line for the tenant that no password fits. */
export function editShadow(content: string, user: TenantUser): string {
  const lines = splitLines(content);
  if (lines.some((line) => field(line, 0) === user.name)) return joinLines(lines);
  return joinLines([...lines, `${user.name}:*:19000:0:99999:7:::`]);
}

/** `/etc/shells` with the tenant's shell, without which an SSH server lets nobody in. */
export function editShells(content: string, user: TenantUser): string {
  const lines = splitLines(content);
  return joinLines(lines.includes(user.shell) ? lines : [...lines, user.shell]);
}

const field = (line: string, index: number): string | undefined => line.split(':')[index];
const splitLines = (content: string): string[] => content.split('\n').filter((line) => line !== '');
const joinLines = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join('');
