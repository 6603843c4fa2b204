/**
 * The SSH server of the runner volume (spec kernel-runner 24): dropbear and OpenSSH's `sftp-server` with their
 * libraries, made to run in any image. From the machine when it has them, else from Debian's packages, which are
 * unpacked and not installed.
 */
import { execFile } from 'node:child_process';
import { access, chmod, constants, cp, readFile, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import { downloadPackages, type ProgramSearch } from './debian-packages.ts';
import { readElf, relocateElf } from './elf-file.ts';
import { findLibraries } from './libraries.ts';

const run = promisify(execFile);
const trialTimeoutMs = 20_000;

/** Host paths of the programs, and where their libraries are looked for first. */
interface SshTools {
  readonly dropbear: string;
  readonly sftpServer: string;
  readonly libraryFolders: readonly string[];
}

/** Names in `bin/` of the volume. */
export const sshProgramNames = ['dropbear', 'sftp-server', 'ssh-session'] as const;

const packages = ['dropbear-bin', 'openssh-sftp-server'];
const sftpFolders = ['/usr/lib/openssh', '/usr/lib/ssh', '/usr/libexec/openssh', '/usr/libexec'];

/**
 * What each session runs in place of what it asked for: the server's own program knows no other place for SFTP, and
 * puts variables of its own above those of the kernel.
 */
export const sessionScript = `#!${containerPaths.volume}/bin/busybox sh
eval "$KERNELET_SSH_ENVIRON"
unset KERNELET_SSH_ENVIRON SHLVL
asked=$SSH_ORIGINAL_COMMAND
unset SSH_ORIGINAL_COMMAND
case $asked in
'') exec "$SHELL" -l ;;
*sftp-server) exec ${containerPaths.volume}/bin/sftp-server ;;
*) exec "$SHELL" -c "$asked" ;;
esac
`;

/** Puts them into the volume that is being built in `folder`: all of them, or none. Throws what is in the way. */
export async function installSshServer(folder: string, search: ProgramSearch): Promise<void> {
  try {
    await install(folder, search);
    const loader = join(folder, 'lib/ld.so');
    const searching = ['--inhibit-cache', '--library-path', join(folder, 'lib')];
    await run(loader, [...searching, join(folder, 'bin/dropbear'), '-V'], { env: {}, timeout: trialTimeoutMs });
  } catch (error) {
    await Promise.all(sshProgramNames.map((name) => rm(join(folder, 'bin', name), { force: true })));
    throw error;
  }
}

async function install(folder: string, search: ProgramSearch): Promise<void> {
  const tools = (await fromMachine(search.searchPath)) ?? (await fromPackages(search));
  const libraryFolder = `${containerPaths.volume}/lib`;
  const programs = [
    ['dropbear', tools.dropbear],
    ['sftp-server', tools.sftpServer],
  ] as const;
  for (const [name, path] of programs) {
    const original = await readFile(path);
    const { interpreter } = readElf(original);
    if (interpreter === null) throw new Error(`${path} is static`);
    const target = join(folder, 'bin', name);
    await writeFile(target, relocateElf(original, `${libraryFolder}/ld.so`, libraryFolder));
    await chmod(target, 0o755);
    for (const [library, from] of await findLibraries(interpreter, path, tools.libraryFolders)) {
      const place = join(folder, 'lib', library);
      // Node's own come first: there is one of each name.
      if (!(await isThere(place))) await cp(from, place, { dereference: true });
    }
  }
  await writeFile(join(folder, 'bin/ssh-session'), sessionScript);
}

async function fromMachine(searchPath: string): Promise<SshTools | null> {
  const folders = [...searchPath.split(delimiter), '/usr/sbin'].filter((folder) => folder.startsWith('/'));
  const dropbear = await firstOf(folders, 'dropbear');
  const sftpServer = await firstOf(sftpFolders, 'sftp-server');
  return dropbear !== null && sftpServer !== null ? { dropbear, sftpServer, libraryFolders: [] } : null;
}

async function fromPackages(search: ProgramSearch): Promise<SshTools> {
  search.onProgress(`fetching the packages ${packages.join(' and ')}`);
  const root = await downloadPackages(packages, search.downloadFolder);
  const machine = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  return {
    dropbear: join(root, 'usr/sbin/dropbear'),
    sftpServer: join(root, 'usr/lib/openssh/sftp-server'),
    libraryFolders: [join(root, 'usr/lib', machine), join(root, 'lib', machine)],
  };
}

async function firstOf(folders: readonly string[], name: string): Promise<string | null> {
  for (const folder of folders) {
    const path = join(folder, name);
    if (await isThere(path, constants.X_OK)) return path;
  }
  return null;
}

const isThere = (path: string, how: number = constants.F_OK): Promise<boolean> =>
  access(path, how).then(
    () => true,
    () => false,
  );
