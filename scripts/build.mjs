// Bundles the agent with its CLI (dist/kernelet.js, code-split) and the runner (dist/runner/), and copies what the
// runner ships as it is. Runs on the pinned Node; scripts/bootstrap.mjs sees to that.
import { cp, mkdir, rm } from 'node:fs/promises';
import { bundle } from './bundle.mjs';
import { buildTerminal } from './terminal.mjs';

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await bundle({ kernelet: 'src/main/main.ts' }, 'dist');
await bundle(
  {
    'nvml-module': 'src/devices/nvml-module.ts',
    'module-program': 'src/lib/modules/module-program.ts',
    'definition-module': 'src/backendai/rpc/create-kernels/definition-module.ts',
  },
  'dist/programs',
);
await bundle({ runner: 'src/runner/main.ts' }, 'dist/runner');
await buildTerminal('dist/runner/terminal');
await cp('src/runner/drivers', 'dist/runner/drivers', {
  recursive: true,
  filter: (file) => !/\.ts$|__pycache__/.test(file),
});
