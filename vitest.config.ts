import { defineConfig } from 'vitest/config';
import { measuredFolders } from './scripts/test/parts.mjs';

const nightly = process.env['KERNELET_TEST_DEPTH'] === 'nightly';
/** On a machine that is busy with other things, a second is too short for what comes by itself. */
const patient = { expect: { poll: { timeout: 10_000 } } };
/** Kernels of one engine would be in each other's way, and images may have to be built first. */
const onEngine = { ...patient, testTimeout: 180_000, hookTimeout: 600_000, fileParallelism: false };
/** What properties are tried with takes ten times as long at night. */
const fuzzed = {
  ...patient,
  testTimeout: nightly ? 200_000 : 20_000,
  setupFiles: nightly ? ['test/support/long-fuzzing.ts'] : [],
};

const measured = measuredFolders.map((folder) => `${folder}/**`);

export default defineConfig({
  test: {
    // On with `--coverage`: in the whole part `unit` of `npm test`, for the units of these folders.
    coverage: {
      include: measured,
      reporter: [['text', { skipFull: true }]],
      thresholds: Object.fromEntries(measured.map((folder) => [folder, { branches: 95 }])),
    },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src', 'bench', 'scripts', 'test/support', 'test/fixtures'].map(
            (folder) => `${folder}/**/*.test.ts`,
          ),
          ...fuzzed,
        },
      },
      { test: { name: 'conformance', include: ['test/conformance/**/*.test.ts'], ...fuzzed } },
      // It plays in processes of its own, one a core.
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], fileParallelism: false } },
      {
        test: { name: 'peers', include: ['test/peers/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 600_000 },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: [
            'conformance',
            'simulation',
            'chaos',
            'peers',
            'cluster',
            'member',
            'e2e',
            'faults',
            'budgets',
            'soak',
            'support',
            'fixtures',
          ].map((folder) => `test/${folder}/**`),
          ...onEngine,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        // Calls of the engine that go wrong, and runners that do not answer: mostly waits for deadlines.
        test: {
          name: 'faults',
          include: ['test/faults/**/*.test.ts'],
          ...onEngine,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
      {
        // The built daemon, alone and in a cluster, with everything going wrong around it.
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          globalSetup: ['test/support/member-setup.ts'],
        },
      },
      {
        test: {
          name: 'soak',
          include: ['test/soak/**/*.test.ts'],
          hookTimeout: 600_000,
          globalSetup: ['test/soak/global-setup.ts'],
          disableConsoleIntercept: true,
        },
      },
      { test: { name: 'budgets', include: ['test/budgets/**/*.test.ts'], fileParallelism: false } },
      {
        // The built daemon with real etcd, Redis and engine.
        test: {
          name: 'member',
          include: ['test/member/**/*.test.ts'],
          ...onEngine,
          globalSetup: ['test/support/member-setup.ts'],
        },
      },
      {
        // Real etcd and Redis instead of a container engine.
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          ...patient,
        },
      },
      {
        // A real manager, which itself looks at sessions every seven seconds and at agents every ten. What fails is tried
        // once more, since the manager has races of its own; `npm test` names what needed it, with its failure.
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          retry: 1,
          testTimeout: 240_000,
          hookTimeout: 240_000,
          fileParallelism: false,
          maxConcurrency: 3,
          globalSetup: ['test/e2e/global-setup.ts'],
        },
      },
    ],
  },
});
