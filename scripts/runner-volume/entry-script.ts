/**
 * The first process of a kernel's container: a script for the volume's static shell (design: agent and runner; spec
 * kernel-runner 23.5, trap 9). The container's environment is the image's and runs as root here, so nothing of it may
 * reach the runner: the shell is static, writes the environment down as it is for the tenant's processes, and starts
 * the runner with an environment of its own.
 */
import { nodeCommand } from '../../src/lib/node-process.ts';
import { maxOpenFiles } from '../../src/lib/open-files.ts';
import { containerPaths } from '../../src/protocol/image-contract.ts';
import { boundedEntry, imageScript, runnerCapabilities } from '../../src/protocol/runner-config.ts';

/**
 * What the runner's Node is started with. One thread for files and none for V8's helpers keep it within few PIDs and
 * little memory; a young generation of 1 MB, which buffers count for too, bounds what output passing through leaves
 * behind.
 */
const nodeFlags = [
  '--v8-pool-size=0',
  '--max-semi-space-size=1',
  '--scavenger-max-new-space-capacity-mb=1',
  '--no-concurrent-array-buffer-sweeping',
  '--expose-gc',
  '--max-old-space-size=256',
  '--no-warnings',
  '--disable-wasm-trap-handler',
];

/** Large buffers are mapped for themselves, so that the system has them back at once: 70 MB less after much output. */
const nodeVariables = ['UV_THREADPOOL_SIZE=1', 'MALLOC_MMAP_THRESHOLD_=32768'];

/** The words that start the runner. All are constants, none needs quoting: nothing that somebody else says gets there. */
const runner = (...args: readonly string[]): string =>
  nodeCommand(`${containerPaths.volume}/bin/node`, {
    file: `${containerPaths.volume}/runner/runner.js`,
    flags: nodeFlags,
    args,
  }).join(' ');

/** The loader, which finds the libraries of programs that are not relocated. */
const loader = `${containerPaths.volume}/lib/ld.so --inhibit-cache --library-path ${containerPaths.volume}/lib`;
/** What is left to root and to everything that it starts: as much as a runner needs. */
const bounds = `+${runnerCapabilities.map((name) => name.toLowerCase()).join(',+')}`;

/**
 * The script, for `bin/entry` of the volume. With `${boundedEntry}` as its argument the script of the image runs first, with
 * all capabilities of the container, and they are then taken away for good. The limit of open
 * files is lowered here and not by the engine, which refuses one above its own: finding that out is slow.
 */
export const entryScript = `#!${containerPaths.volume}/bin/busybox sh
# Starts the runner as root, untouched by the environment that the image chose.
box=${containerPaths.volume}/bin/busybox
umask 077
"$box" cat /proc/$$/environ >${containerPaths.run}/environ
cd /
files=$(ulimit -H -n)
if [ "$files" = unlimited ] || [ "$files" -gt ${maxOpenFiles} ]; then
  soft=$(ulimit -S -n)
  if [ "$soft" = unlimited ] || [ "$soft" -gt ${maxOpenFiles} ]; then ulimit -S -n ${maxOpenFiles}; fi
  ulimit -H -n ${maxOpenFiles}
fi
argument=\${1-}
set -- "$box" env -i ${nodeVariables.join(' ')}
if [ "$argument" = ${boundedEntry} ]; then
  if [ ! -f ${containerPaths.volume}/bin/setpriv ]; then
    echo 'kernelet: capabilities cannot be dropped: install util-linux (setpriv) on the node, run: npm run build, and start its agent again' >&2
    exit 78
  fi
  [ ! -x ${imageScript} ] || "$@" ${runner(boundedEntry, 'image-script')}
  exec "$box" env -i ${loader} ${containerPaths.volume}/bin/setpriv --inh-caps=-all --bounding-set=-all,${bounds} \\
    "$@" ${runner(boundedEntry)}
fi
exec "$@" ${runner()}
`;
