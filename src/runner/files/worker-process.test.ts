import fc from 'fast-check';
import { expect, it } from 'vitest';
import { corrupted } from '../../../test/support/corrupted-documents.ts';
import { fuzzRuns } from '../../../test/support/depth.ts';
import { parseReport } from './worker-process.ts';

const good = [
  { ok: true, result: { bytes: 5 } },
  { ok: false, code: 'FORBIDDEN_PATH', message: 'outside' },
  { ok: false, code: 'FILE_ERROR', message: 'no' },
];
it.each(good)('a report of a file worker is read as it is: %j', (report) => {
  expect(parseReport(JSON.stringify(report))).toEqual(report);
});

it('a report with a code that a file worker may not use is a plain failure, and its text is cut', () => {
  const line = JSON.stringify({ ok: false, code: 'RUN_EXISTS', message: 'x'.repeat(5000) });
  expect(parseReport(line)).toEqual({ ok: false, code: 'FILE_ERROR', message: 'x'.repeat(2000) });
});

it('any other line of a file worker is ignored', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        corrupted(good).map((report) => JSON.stringify(report)),
      ),
      (line) => {
        const report = parseReport(line);
        expect(report === null || parseReport(JSON.stringify(report))).toEqual(report ?? true);
      },
    ),
    { numRuns: fuzzRuns(1000) },
  );
});
