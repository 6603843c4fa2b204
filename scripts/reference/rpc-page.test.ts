import { expect, it } from 'vitest';
import { methods } from '../../src/backendai/rpc/methods/index.ts';
import { laterReleases, rpcReferencePage } from './rpc-page.ts';

it('has every method that is served, with its arguments and defaults, and every class of errors', () => {
  const page = rpcReferencePage(methods.map((method) => ({ method, summary: `About ${method.signature.name}.` })));
  for (const { signature } of methods) {
    expect(page).toContain(`\n## ${signature.name}\n\nAbout ${signature.name}. Release: `);
    for (const name of Object.keys(signature.args.shape)) expect(page).toContain(`\n  ${name}: `);
  }
  expect(page).toContain('suppress_events: bool  # default false');
  expect(page).toContain('canonical: str | nil  # by name only, default nil');
  expect(page).toContain('| `KeyError` | [KERNEL_NOT_FOUND](errors.md#kernel_not_found) |');
});

it('names releases of methods that there are', () => {
  const names = methods.map(({ signature }) => signature.name);
  expect(Object.keys(laterReleases).filter((name) => !names.includes(name))).toEqual([]);
});
