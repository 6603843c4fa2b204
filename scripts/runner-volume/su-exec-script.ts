/**
 * The command `su-exec` of the volume, which scripts of images call by its place in `containerPaths` (spec kernel-runner
 * 17.3). Node does its work: it is there in every image, and ends as the command that it was given.
 */
import { nodeCommand } from '../../src/lib/node-process.ts';
import { containerPaths } from '../../src/protocol/image-contract.ts';

const node = nodeCommand(`${containerPaths.volume}/bin/node`, {
  file: `${containerPaths.volume}/runner/runner.js`,
  flags: ['--v8-pool-size=0', '--no-warnings'],
  args: ['su-exec'],
}).join(' ');

/** The script, for `bin/su-exec`. What makes a loader or Node load code is not passed on: it is meant for another program. */
export const suExecScript = `#!${containerPaths.volume}/bin/busybox sh
unset LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS
for word; do
  shift
  set -- "$@" "=$word"
done
exec ${node} "$@"
`;
