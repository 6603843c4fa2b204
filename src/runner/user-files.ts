/**
 * The tenant's lines in `/etc/passwd`, `/etc/group` and `/etc/shadow`. Pure. No tool of the image is used, so it works
 * in images that have none (spec kernel-runner 4). Lines of other users are kept as they are; lines of an earlier
 * start with other ids, as a committed image has them, are replaced.
 */

/** The tenant. */
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
