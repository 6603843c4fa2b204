/**
 * The SSH server of a kernel (spec kernel-runner 16.2, 16.3): dropbear of the runner volume, with the tenant's ids. It
 * lets in whoever has a key of `authorized_keys`; where the home has none, the key that the agent has made for this
 * kernel becomes it, and people find it as `id_container`. Nobody logs in with a password.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { list, otherwise, type Reader, readOrNull, signed, such, table, text } from '../../lib/json-reader.ts';
import { containerPaths, kernelVariables } from '../../protocol/image-contract.ts';
import { sshFiles } from '../../protocol/runner-config.ts';
import type { TenantCommand } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { volumePaths } from '../volume-paths.ts';
import { SupervisedService } from './supervised-service.ts';

const folder = `${containerPaths.homeConfig}/ssh`;
const keepAliveSeconds = 15;
const receiveWindowBytes = 2 * 1024 * 1024;
const setUpTimeoutMs = 10_000;

/** What the SSH server needs of the runner. */
export interface SshServerParts {
  readonly port: number;
  readonly tenant: Tenant;
  readonly clock: Clock;
  /** Does something with files with the tenant's ids. */
  asTenant<T>(action: () => T): T;
}

/** Lines between these marks are ours, and are made anew at each start. */
const marks = ['# >>> kernel session >>>', '# <<< kernel session <<<'] as const;

/** Arguments: the folder of the keys, and the text for `~/.ssh/config`; empty = the session has no keys of its own. */
const setUp = `
keys=$1 hosts=$2
umask 077
[ -d .ssh ] || mkdir .ssh || exit
chmod go-rwx .ssh
cd .ssh || exit
if ! [ -e authorized_keys ]; then
  cat "$keys/${sshFiles.loginPublicKey}" >authorized_keys || exit
  [ -e ../id_container ] || cat "$keys/${sshFiles.loginKey}" >../id_container
fi
chmod go-rwx authorized_keys
replace() {
  { [ -e "$1" ] && sed '/^${marks[0]}$/,/^${marks[1]}$/d' "$1"; [ -z "$2" ] || printf '%s\\n%s\\n%s\\n' '${marks[0]}' "$2" '${marks[1]}'; } >"$1.new" &&
    cat "$1.new" >"$1"
  rm -f "$1.new"
}
if [ -n "$hosts" ]; then
  replace config "$hosts"
  replace authorized_keys "$(cat "$keys/${sshFiles.clusterPublicKey}")"
fi
`;

/** The server, not started yet. */
export function sshServer({ port, tenant, clock, asTenant }: SshServerParts): SupervisedService {
  const command = async (): Promise<TenantCommand> => {
    if (!existsSync(volumePaths.dropbear)) throw new Error('the runner volume of this node has no SSH server');
    await setUpHome(tenant, clock, asTenant);
    return { argv: dropbear(port, tenant.uid), environ: serverEnvironment(tenant.environ) };
  };
  return new SupervisedService({ name: 'sshd', port, command, tenant, clock });
}

function dropbear(port: number, uid: number): readonly string[] {
  return [
    ...[volumePaths.dropbear, '-F', '-E', '-e', '-s', ...(uid === 0 ? [] : ['-w', '-g'])],
    ...['-r', `${folder}/${sshFiles.hostKey}`, '-P', '/dev/null', '-p', `0.0.0.0:${port}`],
    ...['-K', String(keepAliveSeconds), '-I', '0', '-W', String(receiveWindowBytes)],
    ...['-c', volumePaths.sshSession],
  ];
}

/**
 * What sessions get, since the server passes its own environment on. It must not load the tenant's libraries itself,
 * and it sets some variables of its own: those come back by the session's script. With a shell level, bash takes
 * itself for no login and runs no start-up file whose output would come before that of the program.
 */
export function serverEnvironment(environ: Readonly<Record<string, string>>): Record<string, string> {
  const hidden = Object.keys(environ).filter((name) => name.startsWith('LD_'));
  const restored = [...hidden, 'PATH', 'SHELL', 'HOME'].filter((name) => environ[name]);
  const script = restored.map((name) => `export ${name}=${quoted(environ[name] ?? '')}`).join('\n');
  return { ...Object.fromEntries(hidden.map((name) => [name, ''])), KERNELET_SSH_ENVIRON: script, SHLVL: '1' };
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

async function setUpHome(tenant: Tenant, clock: Clock, asTenant: SshServerParts['asTenant']): Promise<void> {
  const hosts = asTenant(() => clusterHosts(folder, readIfPresent, tenant.environ[kernelVariables.clusterReplicas]));
  const argv = [volumePaths.shell, '-c', setUp, 'kernelet', folder, hosts];
  const output: string[] = [];
  const keep = (bytes: Uint8Array): true => {
    if (output.length < 20) output.push(Buffer.from(bytes).toString('utf8'));
    return true;
  };
  const running = await tenant.run({ argv }, { stdin: null, stdout: keep, stderr: keep });
  using _timer = clock.after(setUpTimeoutMs, () => void running.signal('SIGKILL'));
  const { exitCode } = await running.exited;
  running.stderr.drain();
  tenant.adopt(running);
  if (exitCode !== 0) throw new Error(`the keys could not be put into the home: ${output.join('').trim()}`);
}

function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

const serverPort = 2200;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/**
 * How the kernels of a session reach each other without a question: the text for `~/.ssh/config`; empty when the
 * session has no keys of its own, or none that can be used.
 */
export function clusterHosts(
  folder: string,
  read: (path: string) => string | null,
  replicas: string | undefined,
): string {
  if (read(`${folder}/${sshFiles.clusterKey}`) === null || read(`${folder}/${sshFiles.clusterPublicKey}`) === null)
    return '';
  const mapping = read(`${folder}/${sshFiles.portMapping}`);
  const blocks = mapping === null ? byRole(replicas || 'main:1') : byMapping(mapping);
  const common = ['StrictHostKeyChecking no', `IdentityFile ${folder}/${sshFiles.clusterKey}`];
  return blocks.map(([host, ...lines]) => [`Host ${host}`, ...lines, ...common].join('\n  ')).join('\n');
}

/** Kernels of a role have its name and a number. */
function byRole(replicas: string): readonly (readonly string[])[] {
  const roles = replicas.split(',').map((item) => item.split(':')[0]?.trim() ?? '');
  return roles.filter((role) => namePattern.test(role)).map((role) => [`${role}*`, `Port ${serverPort}`]);
}

const place: Reader<readonly [string, number]> = (value, at) => {
  const [address, port] = list((part) => part)(value, at);
  return [such(text, (name) => namePattern.test(name), 'a name or address')(address, at), signed(port, at)];
};

function byMapping(json: string): readonly (readonly string[])[] {
  const mapping = readOrNull(table(otherwise(place, null)), json) ?? {};
  return Object.entries(mapping).flatMap(([host, found]) =>
    found === null || !namePattern.test(host) ? [] : [[host, `HostName ${found[0]}`, `Port ${found[1]}`]],
  );
}
