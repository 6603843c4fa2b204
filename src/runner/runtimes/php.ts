/** PHP: its command line; code needs no opening tag. */
import { interpretedRuntime } from './interpreted.ts';

/** PHP programs, with Makefile and main.php as batch steps. */
export const php = interpretedRuntime({
  type: 'php',
  title: 'PHP',
  tools: ['php', '/usr/local/bin/php'],
  suffix: '.php',
  fileOf: (code) => (/^\s*<\?/.test(code) ? code : `<?php\n\n${code}`),
});
