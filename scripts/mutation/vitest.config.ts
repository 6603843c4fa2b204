import { defineConfig } from 'vitest/config';

/** The folder of sources whose units are to notice mutants. */
const folder = process.env['KERNELET_MUTATED'];

export default defineConfig({
  test: {
    include: [`${folder}/**/*.test.ts`],
    // Else each mutant would load the sources once for each file of tests.
    isolate: false,
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
