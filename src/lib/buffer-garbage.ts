/**
 * V8 thinks little of the buffers that output passes through: 64 MB of them may lie about before it collects any. So
 * garbage is collected by the amount of output, where the process was started with `--expose-gc`.
 */

/** Counts the bytes that pass, and has all garbage collected after each `everyBytes` of them, which takes some milliseconds. */
export function collectEvery(everyBytes: number): (bytes: number) => void {
  let passed = 0;
  return (bytes) => {
    passed += bytes;
    if (passed < everyBytes) return;
    passed = 0;
    globalThis.gc?.();
  };
}
