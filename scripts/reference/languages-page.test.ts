import { expect, it } from 'vitest';
import { runtimeTable } from '../../src/protocol/runtimes.ts';
import { resolveRuntime } from '../../src/runner/runtimes/index.ts';
import { batchSteps, languagesPage } from './languages-page.ts';

it('has a row for every type, with what its runtime looks for and what a batch does', async () => {
  const described = runtimeTable.map(async (info) => ({ info, runtime: (await resolveRuntime(info.type)).runtime }));
  const page = languagesPage(await Promise.all(described));
  expect(Object.keys(batchSteps).sort()).toEqual(runtimeTable.map(({ type }) => type).sort());
  expect(page).toContain('| Lua | `lua` | `lua` | `.lua` | `lua`, `lua5.4`, `lua5.3`, `luajit` |');
  expect(page).toContain('| `golang` | the module of `go.mod`, else');
  for (const { type } of runtimeTable) expect(page.split(`| \`${type}\` |`)).toHaveLength(3);
});
