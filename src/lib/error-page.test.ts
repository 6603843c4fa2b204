import { expect, it } from 'vitest';
import { errorCodes } from './error-codes.ts';
import { errorReferencePage } from './error-page.ts';

it('has a part for every code', () => {
  const page = errorReferencePage();
  for (const [code, entry] of Object.entries(errorCodes)) expect(page).toContain(`### ${code}\n\n${entry.summary}`);
});
