/** R: files by Rscript, which comes with every R. */
import { interpretedRuntime } from './interpreted.ts';

/** R programs, with Makefile and main.R as batch steps. */
export const r = interpretedRuntime({
  type: 'r',
  title: 'R',
  tools: ['R', 'Rscript'],
  runner: 'Rscript',
  suffix: '.R',
  kernel: { language: 'r', nameHas: 'ir' },
});
