import { expect, it } from 'vitest';
import { errorCodes } from '../../src/lib/error-codes.ts';
import { errorReferencePage } from './errors-page.ts';

it('has a part for every code', () => {
  const page = errorReferencePage();
  for (const [code, entry] of Object.entries(errorCodes)) expect(page).toContain(`### ${code}\n\n${entry.summary}`);
});
