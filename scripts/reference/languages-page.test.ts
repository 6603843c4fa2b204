import { expect, it } from 'vitest';
import { runtimeTable } from '../../src/protocol/runtimes.ts';
import { resolveRuntime } from '../../src/runner/runtimes/index.ts';
import results from './language-results.json' with { type: 'json' };
import { languageChecks } from './language-results.ts';
import { batchSteps, languagesPage } from './languages-page.ts';

it('has a row for every type, with what its runtime looks for and what a batch does', async () => {
  const described = runtimeTable.map(async (info) => ({ info, runtime: (await resolveRuntime(info.type)).runtime }));
  const page = languagesPage(await Promise.all(described), results);
  expect(Object.keys(batchSteps).sort()).toEqual(runtimeTable.map(({ type }) => type).sort());
  expect(page).toContain('| Lua | `lua` | `lua` | `.lua` | `lua`, `lua5.4`, `lua5.3`, `luajit` |');
  expect(page).toContain('| `golang` | the module of `go.mod`, else');
  for (const { type } of runtimeTable) expect(page.split(`| \`${type}\` |`)).toHaveLength(type in results ? 4 : 3);
});

it('shows that every language with an image was tried in every way with the real tool', () => {
  const tried: Readonly<Record<string, Readonly<Record<string, string>>>> = results;
  for (const { type, recipe, languages } of runtimeTable) {
    if (recipe === null || languages.length === 0) continue;
    const builds = /into|where they stand/.test(batchSteps[type]?.[0] ?? '');
    const held = languageChecks.filter((check) => tried[type]?.[check] === 'yes');
    expect({ type, held }).toEqual({
      type,
      held: languageChecks.filter((check) => builds || check !== 'build failure'),
    });
  }
});
