// Bundles the agent with its CLI (dist/kernelet.js, code-split) and makes the runner volume (dist/runner-volume/), of which
// the runner is a bundle too. Runs on the pinned Node; scripts/bootstrap.mjs sees to that.
import { cp, mkdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { bundle } from './bundle.mjs';
import { completeRunnerVolume } from './runner-volume/volume.ts';
import { buildTerminal } from './terminal.mjs';

const say = (text) => process.stderr.write(`${text}\n`);
const volume = 'dist/runner-volume';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await bundle({ kernelet: 'src/main/main.ts' }, 'dist');
await bundle(
  {
    'nvml-module': 'src/devices/nvml-module.ts',
    'module-program': 'src/lib/module-host/module-program.ts',
    'file-calls': 'src/storage/file-systems/file-calls.ts',
    'definition-module': 'src/backendai/rpc/create-kernels/definition-module.ts',
  },
  'dist/programs',
);
await bundle({ runner: 'src/runner/main.ts' }, `${volume}/runner`);
await buildTerminal(`${volume}/runner`);
await cp('src/runner/drivers', `${volume}/runner/drivers`, {
  recursive: true,
  filter: (file) => !/\.ts$|__pycache__/.test(file),
});
const pinned = path.resolve('node_modules', `node-linux-${process.arch}`);
const { version } = JSON.parse(await readFile(path.join(pinned, 'package.json'), 'utf8'));
await completeRunnerVolume(volume, {
  cacheFolder: path.resolve('.cache/runner-volume'),
  nodePath: path.join(pinned, 'bin/node'),
  nodeVersion: version,
  searchPath: process.env.PATH ?? '',
  onProgress: say,
}).catch((error) => {
  // All but kernels works without it.
  say(`the runner volume cannot be made, so no kernel will start: ${error.message}`);
});
