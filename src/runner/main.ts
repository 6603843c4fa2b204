/**
 * The runner: root inside the container with the right to change ids and to signal, and nothing else. It serves the
 * agent from its first moment, says where its start stands, and goes on when a step of it fails.
 */
import { workFiles } from './files/worker.ts';
import { Runner } from './runner.ts';

if (process.argv[2] === 'file-worker') await workFiles(process.argv.slice(3));
else await new Runner().start();
