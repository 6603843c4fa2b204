// Builds the web terminal of the runner volume: its server, the add-on that makes terminals, and the page.
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

/** The server's package looks for its add-on in a package of its own; ours lies beside the bundle, in the runner volume. */
const addOnBesideBundle = {
  name: 'add-on-beside-bundle',
  resolveId: (source, importer) =>
    source === './requireBinary' && /node-pty/.test(importer ?? '') ? '\0add-on' : null,
  load: (id) =>
    id === '\0add-on'
      ? 'import { createRequire } from "node:module";\nexport const requireBinary = (file) => createRequire(import.meta.url)(`./${file}`);\n'
      : null,
};

/**
 * Builds it.
 *
 * @param {string} folder
 */
export async function buildTerminal(folder) {
  await bundle({ terminal: 'src/runner/terminal/main.ts' }, folder, [addOnBesideBundle]);
  const addOn = import.meta.resolve(`@lydell/node-pty-${process.platform}-${process.arch}/pty.node`);
  await cp(fileURLToPath(addOn), `${folder}/pty.node`);
  await cp('src/runner/terminal/page', `${folder}/page`, { recursive: true });
  for (const [file, name] of [
    [import.meta.resolve('@xterm/xterm/lib/xterm.mjs'), 'xterm.js'],
    [import.meta.resolve('@xterm/xterm/css/xterm.css'), 'xterm.css'],
    [import.meta.resolve('@xterm/addon-fit/lib/addon-fit.mjs'), 'addon-fit.js'],
  ])
    await cp(fileURLToPath(file), `${folder}/page/${name}`);
}
