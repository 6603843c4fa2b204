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
it.each(good)('reads %j', (report) => {
  expect(parseReport(JSON.stringify(report))).toEqual(report);
});

it('takes a code that a file worker has no right to for a plain failure, and cuts its words', () => {
  const line = JSON.stringify({ ok: false, code: 'RUN_EXISTS', message: 'x'.repeat(5000) });
  expect(parseReport(line)).toEqual({ ok: false, code: 'FILE_ERROR', message: 'x'.repeat(2000) });
});

it('takes whatever else comes for nothing', () => {
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
