/**
 * V8 thinks little of the buffers that output passes through: 64 MB of them may lie about before it collects any, and
 * they count as the tenant's memory. So garbage is collected by the amount of output.
 */

/** Output between two collections; each takes a few milliseconds. */
const everyBytes = 4 * 1024 * 1024;

let passed = 0;

/** Output has passed through. Collects where the process was started with `--expose-gc`, as the runner is. */
export function outputPassed(bytes: number): void {
  passed += bytes;
  if (passed < everyBytes) return;
  passed = 0;
  globalThis.gc?.();
}
