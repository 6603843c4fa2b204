/**
 * The runner: root inside the container with the right to change ids and to signal, and nothing else. It serves the
 * agent from its first moment, says where its start stands, and goes on when a step of it fails.
 */
import { programArguments } from '../lib/node-process.ts';
import { boundedEntry } from '../protocol/runner-config.ts';
import { runImageScript } from './bootstrap.ts';
import { Runner } from './runner.ts';

/** Status of a runner that could not even begin (`EX_CONFIG`). */
const unusable = 78;
/** Status of a runner that met a defect of its own (`EX_SOFTWARE`). */
const broken = 70;

async function main(): Promise<void> {
  const [task, ...rest] = programArguments();
  const isBounded = task === boundedEntry;
  if (isBounded && rest[0] === 'image-script') return runImageScript();
  // What only one of them needs is loaded there alone: each module costs every kernel memory.
  switch (task) {
    case 'file-worker':
      return (await import('./files/worker.ts')).workFiles(rest);
    case 'jupyter-driver':
      return (await import('./jupyter/main.ts')).driveKernel(rest);
    case 'su-exec':
      return (await import('./su-exec.ts')).suExec(rest);
    default:
      return new Runner({ imageScriptRan: isBounded }).start();
  }
}

/** One line, since the container's last lines are shown to users. */
function end(error: unknown, status: number): never {
  process.stderr.write(`kernelet-runner: [ERROR] ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(status);
}

process.on('uncaughtException', (error) => end(error, broken));
main().catch((error: unknown) => end(error, unusable));
