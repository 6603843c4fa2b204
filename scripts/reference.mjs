#!/usr/bin/env node
/**
 * Writes the generated pages of docs/; with --check it writes nothing and fails when one of them is stale. It fails in any case
 * when promises, regression cases and tests don't fit. Needs the project's Node (types are stripped on import).
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { clusterCommands } from '../src/backendai/index.ts';
import { methods } from '../src/backendai/rpc/methods/index.ts';
import { commandTable } from '../src/cli/commands/index.ts';
import { configJsonSchema } from '../src/config/schema.ts';
import { createApp } from '../src/http/app.ts';
import { version } from '../src/lib/installation.ts';
import { silentLogger } from '../src/lib/log.ts';
import { runtimeTable } from '../src/protocol/runtimes.ts';
import { resolveRuntime } from '../src/runner/runtimes/index.ts';
import { heldPromises } from './promises/held-promises.ts';
import promiseSections from './promises/promises.json' with { type: 'json' };
import regressionAnswers from './promises/regression-cases.json' with { type: 'json' };
import { regressionCases } from './promises/regression-cases.ts';
import defectAnswers from './promises/upstream-defects.json' with { type: 'json' };
import { upstreamDefects } from './promises/upstream-defects.ts';
import { apiReferencePage } from './reference/api-page.ts';
import { cliReferencePage } from './reference/cli-page.ts';
import { configReferencePage } from './reference/configuration-page.ts';
import { errorReferencePage } from './reference/errors-page.ts';
import languageResults from './reference/language-results.json' with { type: 'json' };
import { languagesPage } from './reference/languages-page.ts';
import { promisesPage } from './reference/promises-page.ts';
import { regressionCasesPage } from './reference/regression-cases-page.ts';
import { rpcReferencePage } from './reference/rpc-page.ts';
import { upstreamDefectsPage } from './reference/upstream-defects-page.ts';
import { sourceFiles } from './source-files.mjs';

/** Methods with what the comment in front of each says. */
async function describedMethods() {
  const source = join(dirname(import.meta.dirname), 'src', 'backendai', 'rpc', 'methods');
  const files = (await readdir(source)).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const summaries = new Map();
  for (const name of files) {
    const text = await readFile(join(source, name), 'utf8');
    const exports = await import(join(source, name));
    for (const [, comment, exported] of text.matchAll(
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const (\w+) = method\(/g,
    )) {
      const summary = comment.replaceAll(/\s*\n \*\s*/g, ' ').trim();
      summaries.set(exports[exported].signature.name, summary);
    }
  }
  return methods.map((method) => ({ method, summary: summaries.get(method.signature.name) ?? '' }));
}

const folder = join(dirname(import.meta.dirname), 'docs');
// Only what the endpoints say of themselves is read; the agent is never called.
const api = await createApp({ agent: Object.freeze({}), version, logger: silentLogger }).request('/v1/openapi.json');
const apiDocument = await api.json();
const runtimes = runtimeTable.map(async (info) => ({ info, runtime: (await resolveRuntime(info.type)).runtime }));
const tests = [...sourceFiles(['src', 'test', 'bench', 'scripts'], (path) => path.endsWith('.test.ts'))];
const held = heldPromises(promiseSections, tests);
const specification = (name) => readFile(join(folder, 'spec', name), 'utf8');
const regressions = regressionCases(await specification('kernel-lifecycle.md'), regressionAnswers, tests);
const defects = upstreamDefects(await specification('kernel-runner.md'), defectAnswers, tests);
const problems = [...held.problems, ...regressions.problems, ...defects.problems];
const pages = {
  'PROMISES.md': promisesPage(promiseSections, held),
  'reference/api.md': apiReferencePage(apiDocument),
  'reference/cli.md': cliReferencePage(
    await Promise.all([...commandTable, ...clusterCommands].map((entry) => entry.load())),
  ),
  'reference/configuration.md': configReferencePage(),
  'reference/configuration.schema.json': `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
  'reference/errors.md': errorReferencePage(),
  'reference/languages.md': languagesPage(await Promise.all(runtimes), languageResults),
  'reference/regression-cases.md': regressionCasesPage(regressions.cases),
  'reference/rpc.md': rpcReferencePage(await describedMethods()),
  'reference/upstream-defects.md': upstreamDefectsPage(defects.cases),
  'reference/openapi.json': `${JSON.stringify(apiDocument, null, 2)}\n`,
};

const check = process.argv.includes('--check');
const stale = [];
await mkdir(join(folder, 'reference'), { recursive: true });
for (const [name, content] of Object.entries(pages)) {
  const path = join(folder, name);
  if ((await readFile(path, 'utf8').catch(() => null)) === content) continue;
  stale.push(name);
  if (!check) await writeFile(path, content);
}
for (const problem of problems) console.error(problem);
if (check && stale.length > 0) {
  console.error(`stale in docs: ${stale.join(', ')}; write them anew with: node scripts/reference.mjs`);
} else {
  console.log(stale.length > 0 ? `wrote ${stale.join(', ')}` : 'the generated pages of docs are up to date');
}
if (problems.length > 0 || (check && stale.length > 0)) process.exitCode = 1;
