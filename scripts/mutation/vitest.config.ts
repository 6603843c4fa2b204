import { defineConfig } from 'vitest/config';

/** The units that are to notice mutants. */
const units = process.env['KERNELET_MUTATION_UNITS'];

export default defineConfig({
  test: {
    include: units === undefined ? [] : [units],
    // Else each mutant would load the sources once for each file of tests.
    isolate: false,
    testTimeout: 20_000,
    expect: { poll: { timeout: 10_000 } },
  },
});
