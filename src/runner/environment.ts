/**
 * The environment of the tenant's processes (spec kernel-runner 5.2). Pure. Later layers win: the image's variables
 * with what its bootstrap script exported, the fixed ones, the session's own. The language's come on top of all, since
 * a runtime gets what is there and builds on it.
 */

/** What an environment is made of. */
export interface EnvironmentParts {
  readonly container: ReadonlyMap<string, string>;
  readonly session: readonly (readonly [string, string])[];
  readonly user: { readonly name: string; readonly shell: string; readonly uid: number; readonly gid: number };
  readonly home: string;
  /** Which folders exist, for those that go to the front of PATH. */
  exists(path: string): boolean;
}

const usualPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** To the front of PATH in this order, so that the last one ends up first. Spec kernel-runner 5.2. */
const promotedWhenPresent = [
  { folder: '/usr/local/cuda/bin', test: '/usr/local/cuda/bin' },
  { folder: '/usr/local/nvidia/bin', test: '/usr/local/nvidia/bin' },
  { folder: '/home/linuxbrew/.linuxbrew/bin', test: '/home/linuxbrew/.linuxbrew' },
];
/** Variables of the container that speak of its first process and would be wrong for the tenant's. */
const notInherited = ['HOME', 'USER', 'LOGNAME', 'PWD', 'OLDPWD', 'SHLVL', '_', 'MAIL'];

/** Composes the environment; later parts override earlier ones. */
export function tenantEnvironment(parts: EnvironmentParts): Record<string, string> {
  const composed = new Map(parts.container);
  for (const name of notInherited) composed.delete(name);
  const { name, shell, uid, gid } = parts.user;
  const fixed = {
    LANG: 'C.UTF-8',
    HOME: parts.home,
    TERM: 'xterm',
    USER: name,
    LOGNAME: name,
    PWD: parts.home,
    LOCAL_USER_ID: String(uid),
    LOCAL_GROUP_ID: String(gid),
  };
  for (const [key, value] of Object.entries(fixed)) composed.set(key, value);
  if (!composed.has('PATH')) composed.set('PATH', usualPath);
  if (!composed.has('SHELL')) composed.set('SHELL', shell);
  for (const [key, value] of parts.session) composed.set(key, value);
  let path = composed.get('PATH') ?? usualPath;
  for (const { folder, test } of promotedWhenPresent) if (parts.exists(test)) path = promote(path, folder);
  composed.set('PATH', promote(path, `${parts.home}/.local/bin`));
  return Object.fromEntries(composed);
}

/**
 * The environment for what runs as root on the image's behalf: the image's own variables without those that make a
 * shell or a language load code (spec kernel-runner 4).
 */
export function rootEnvironment(container: ReadonlyMap<string, string>): Record<string, string> {
  const dangerous = /^(LD_|NODE_|PYTHON|PERL|RUBY|GCONV_PATH$|BASH_|ENV$|IFS$|GLIBC_TUNABLES$|PS4$|SHELLOPTS$)/;
  return Object.fromEntries([...container].filter(([name]) => !dangerous.test(name)));
}

/** A search path with this folder first and nowhere else. */
export function promote(path: string, folder: string): string {
  return [folder, ...path.split(':').filter((item) => item !== '' && item !== folder)].join(':');
}
