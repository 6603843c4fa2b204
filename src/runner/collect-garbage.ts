/**
 * V8 thinks little of the buffers that output passes through: 64 MB of them may lie about before it collects any, and
 * they count as the tenant's memory. So garbage is collected by the amount of output.
 */
import type { Clock } from '../lib/clock.ts';

/** Output between two collections; each takes a few milliseconds. */
const everyBytes = 4 * 1024 * 1024;

/** By then the interpreter is up as well. */
const settledAfterMs = 1000;

let passed = 0;

/** Output has passed through. Collects where the process was started with `--expose-gc`, as the runner is. */
export function outputPassed(bytes: number): void {
  passed += bytes;
  if (passed < everyBytes) return;
  passed = 0;
  globalThis.gc?.();
}

/** The start is over: what it left is given back to the system a little later, since many kernels stay idle. */
export function startIsOver(clock: Clock): void {
  clock.after(settledAfterMs, () => globalThis.gc?.({ type: 'major', flavor: 'last-resort' })).unref();
}
