/** Haskell: programs by runhaskell, batches by GHC. */
import type { Runtime } from '../runtime.ts';
import { interpretedRuntime } from './interpreted.ts';
import { buildWithMake, pathWith, runMain, sayUnable, steps, withSources } from './plan.ts';

const interpreted = interpretedRuntime({
  type: 'haskell',
  title: 'Haskell',
  tools: ['ghc', '/opt/ghc/*/bin/ghc'],
  runner: 'runhaskell',
  suffix: '.hs',
  environ: (context) => ({
    PATH: pathWith(context, [
      ...['happy', 'alex', 'cabal', 'ghc'].flatMap((name) => context.folders(`/opt/${name}/*/bin`)),
      `${context.home}/.cabal/bin`,
    ]),
  }),
});

/** Haskell programs; a batch compiles all modules of the home into ./main. */
export const haskell = {
  ...interpreted,

  build(context) {
    const text = context.tool === null ? sayUnable('this image has no ghc') : withSources('Haskell', '.hs');
    return buildWithMake(context, text, [context.tool ?? '', '--make', '-o', 'main']);
  },

  exec: (context) => steps(runMain(context, 'main', ['./main'])),
} as const satisfies Runtime;
