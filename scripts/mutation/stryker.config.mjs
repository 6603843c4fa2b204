// How sources are mutated (Stryker), in a copy of them. What is to be mutated, which units are to notice and where the report
// goes comes with the call (scripts/test/run-mutation.mjs).
const kept = ['/src', '/test', '/package.json', '/tsconfig.json', '/vitest.config.ts', '/scripts'];

export default {
  plugins: ['@stryker-mutator/vitest-runner'],
  testRunner: 'vitest',
  // Which tests reach a mutant is known from the first run: vitest need not look for the files that import it.
  vitest: { configFile: 'scripts/mutation/vitest.config.ts', related: false },
  coverageAnalysis: 'perTest',
  // What is evaluated once, while a file loads, would need all tests in a process of its own each.
  ignoreStatic: true,
  ignorePatterns: ['/*', ...kept.map((path) => `!${path}`)],
  tempDirName: '.cache/mutation/sandboxes',
  cleanTempDir: 'always',
  reporters: ['json', 'progress-append-only'],
  jsonReporter: { fileName: process.env['KERNELET_MUTATION_REPORT'] },
  disableTypeChecks: false,
  allowEmpty: false,
  timeoutMS: 10_000,
};
