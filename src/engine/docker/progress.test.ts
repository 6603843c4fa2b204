import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProgressReader } from './progress.ts';
import { fields } from './replies.ts';

describe('ProgressReader', () => {
  it('adds up the layers of a pull', () => {
    const reader = new ProgressReader();
    const at = (id: string, current: number, total: number): unknown =>
      reader.read({ id, status: 'Downloading', progressDetail: { current, total } });
    at('a', 50, 100);
    expect(at('b', 100, 300)).toEqual({
      kind: 'progress',
      progress: { message: 'b: Downloading', fraction: 0.375 },
    });
    expect(reader.read({ id: 'a', status: 'Pull complete', progressDetail: {} })).toMatchObject({
      progress: { fraction: 0.5 },
    });
  });

  it('follows a push, and says what could not be pushed', () => {
    const reader = new ProgressReader();
    reader.read({ id: 'a', status: 'Pushing', progressDetail: { current: 10, total: 40 } });
    expect(reader.read({ id: 'a', status: 'Pushed' })).toMatchObject({
      progress: { message: 'a: Pushed', fraction: 1 },
    });
    expect(reader.failure('IMAGE_PUSH_FAILED', 'x:1', 'denied').message).toBe('image x:1 could not be pushed: denied');
  });

  it('counts the steps of a build, and repeats its last lines in the failure', () => {
    const reader = new ProgressReader();
    expect(reader.read({ stream: 'Step 2/4 : RUN false\n' })).toEqual({
      kind: 'progress',
      progress: { message: 'Step 2/4 : RUN false', fraction: 0.25 },
    });
    for (let index = 0; index < 40; index += 1) reader.read({ stream: `line ${index}\n` });
    const failure = reader.read({ error: 'short', errorDetail: { code: 1, message: 'returned a non-zero code: 1' } });
    expect(failure).toEqual({ kind: 'failure', reason: 'returned a non-zero code: 1' });
    const error = reader.failure('IMAGE_BUILD_FAILED', 'x:latest', 'returned a non-zero code: 1');
    expect(error.message).toContain('image x:latest could not be built: returned a non-zero code: 1\nline 20\n');
    expect(error.message).toMatch(/line 39$/);
  });

  it('shows nothing for lines that say nothing', () => {
    const reader = new ProgressReader();
    expect(reader.read({ aux: { ID: 'sha256:1' } })).toEqual({ kind: 'nothing' });
    expect(reader.read({ stream: '\n' })).toEqual({ kind: 'nothing' });
  });

  it('keeps the fraction within 0 and 1, whatever the registry claims', () => {
    const size = fc.oneof(fc.double(), fc.maxSafeInteger());
    fc.assert(
      fc.property(fc.array(fc.record({ current: size, total: size })), (details) => {
        const reader = new ProgressReader();
        for (const [index, progressDetail] of details.entries()) {
          const line = reader.read(fields({ id: `${index % 3}`, status: 'Downloading', progressDetail }));
          if (line.kind !== 'progress' || line.progress.fraction === undefined) continue;
          expect(line.progress.fraction).toBeGreaterThanOrEqual(0);
          expect(line.progress.fraction).toBeLessThanOrEqual(1);
        }
      }),
      // Sums of these are infinite.
      { examples: [[Array.from({ length: 3 }, () => ({ current: Number.MAX_VALUE, total: Number.MAX_VALUE }))]] },
    );
  });
});
