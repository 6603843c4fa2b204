// Builds what terminals in the runner volume are made of: the add-on, and of the web terminal the server and the page.
import { cp } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.mjs';

/**
 * Builds it beside the runner, in whose folder every bundle finds the add-on as the package that it is of.
 *
 * @param {string} runner
 */
export async function buildTerminal(runner) {
  const folder = `${runner}/terminal`;
  await bundle({ terminal: 'src/runner/terminal/main.ts' }, folder);
  const addOn = `@lydell/node-pty-${process.platform}-${process.arch}/pty.node`;
  await cp(fileURLToPath(import.meta.resolve(addOn)), `${runner}/node_modules/${addOn}`);
  await cp('src/runner/terminal/page', `${folder}/page`, { recursive: true });
  for (const [file, name] of [
    [import.meta.resolve('@xterm/xterm/lib/xterm.mjs'), 'xterm.js'],
    [import.meta.resolve('@xterm/xterm/css/xterm.css'), 'xterm.css'],
    [import.meta.resolve('@xterm/addon-fit/lib/addon-fit.mjs'), 'addon-fit.js'],
  ])
    await cp(fileURLToPath(file), `${folder}/page/${name}`);
}
