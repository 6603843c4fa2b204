import { expect, it } from 'vitest';
import { ignoredKeys } from '../../src/config/ignored-keys.ts';
import { definitions } from '../../src/config/schema.ts';
import { configReferencePage } from './configuration-page.ts';

it('describes every configuration key, with its default', () => {
  const page = configReferencePage();
  for (const key of definitions.keys()) expect(page).toContain(`### \`${key}\``);
  for (const key of ignoredKeys.keys()) expect(page).toContain(`| \`${key}\` | `);
  expect(page).toContain('*Default:* `[30000, 31000]`');
});
