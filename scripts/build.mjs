// Bundles the agent with its CLI (dist/kernelet.js, code-split) and the runner (dist/runner/), and copies what the
// runner ships as it is. Runs on the pinned Node; scripts/bootstrap.mjs sees to that.
import { cp, mkdir, rm } from 'node:fs/promises';
import { rolldown } from 'rolldown';

const addOns = ['koffi'];

async function bundle(input, dir, external) {
  const build = await rolldown({ input, platform: 'node', external, logLevel: 'warn' });
  await build.write({
    dir,
    format: 'esm',
    sourcemap: false,
    minify: false,
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
  });
  await build.close();
}

await rm('dist', { recursive: true, force: true });
await mkdir('dist', { recursive: true });
await bundle({ kernelet: 'src/main/main.ts' }, 'dist', addOns);
await bundle({ runner: 'src/runner/main.ts' }, 'dist/runner', []);
await cp('src/runner/drivers', 'dist/runner/drivers', {
  recursive: true,
  filter: (file) => !/\.ts$|__pycache__/.test(file),
});
