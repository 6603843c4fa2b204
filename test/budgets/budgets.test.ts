import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../bench/report.ts';

/**
 * What holds on a machine that does other things too: ratios to the bare thing in the same run, with room above the musts
 * of `npm run bench` for the noise, and sizes, which are the musts themselves.
 */
const wanted = ['P4', 'P6', 'P10', 'P13', 'P16', 'P20'];
/** It takes some two minutes on two cores on which ten other programs compute. */
const deadlineMs = 600_000;

let report: Report;
beforeAll(async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'kernelet-budgets-'));
  try {
    const file = path.join(folder, 'report.json');
    const program = path.resolve(import.meta.dirname, '../../bench/main.ts');
    const child = spawn(process.execPath, [program, '--alone', '--brief', '--only', wanted.join(), '--json', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: deadlineMs,
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const [status] = await once(child, 'close');
    if (status !== 0) throw new Error(`the benchmark ended with status ${status}: ${errors.slice(-2_000)}`);
    report = JSON.parse(await readFile(file, 'utf8'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, deadlineMs + 10_000);

/** The figure of a budget by its name. */
function figure(id: string, name: string) {
  const found = report.results[id]?.find((one) => one.name.startsWith(name));
  if (!found) throw new Error(`${id} has no figure ${name}: ${report.failures.join('; ')}`);
  return found;
}

/** A figure of time over the bare thing as a ratio to it. */
function ratio(id: string, name: string): number {
  const { beside = {} } = figure(id, name);
  return (beside['kernelet'] ?? Number.NaN) / (beside['bare'] ?? Number.NaN);
}

// @promise fast
describe('the budgets that hold on a busy machine', () => {
  it('P4: kernelet run takes at most 2.2 times as long as docker run --rm', () => {
    expect(figure('P4', 'kernelet run').value).toBeLessThan(2.2);
  });

  it('P6: calls go at 0.4 of the rate at least at which zeromq.js echoes the same bytes', () => {
    expect(figure('P6', '256 outstanding').value).toBeGreaterThan(0.4);
  });

  it('P13: a kernel is destroyed in at most 1.6 times what the engine needs for kill and remove', () => {
    expect(ratio('P13', 'destroy over bare')).toBeLessThan(1.6);
  });

  it.each([
    ['P10', 'daemon, no kernels'],
    ['P16', "runner's private memory"],
    ['P20', 'cgroup memory of an idle Python kernel'],
  ])('%s: %s is within the must', (id, name) => {
    const { value, must } = figure(id, name);
    expect(value).toBeLessThanOrEqual(must);
  });
});
