/** Julia, also where images have it outside of PATH. */
import { interpretedRuntime } from './interpreted.ts';
import { pathWith } from './plan.ts';

/** Folders that Julia loads packages from before its own; an empty entry stands for those (spec kernel-runner 14). */
const imagePackages = '/opt/julia:/usr/local/julia:';

/** Julia programs, with Makefile and main.jl as batch steps. */
export const julia = {
  ...interpretedRuntime({
    type: 'julia',
    title: 'Julia',
    tools: ['julia', '/opt/julia/bin/julia', '/usr/local/julia/bin/julia'],
    suffix: '.jl',
    kernel: { language: 'julia', nameHas: 'julia' },
    environ: (context) => ({
      JULIA_LOAD_PATH: context.environ['JULIA_LOAD_PATH'] ?? imagePackages,
      PATH: pathWith(context, ['/usr/local/julia/bin', '/opt/julia/bin']),
    }),
  }),
  starter: '/usr/local/bin/movecompiled.sh',
} as const;
