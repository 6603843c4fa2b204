/**
 * Descriptors that children would inherit, since the add-on that made them did not say otherwise and Node cannot. A terminal
 * that some other program holds open, too, would never hang up.
 */
import type { StdioOptions } from 'node:child_process';

/** What children have in their place: what this process has as its input, which is empty. */
const harmless = 0;
const hidden = new Set<number>();

/** Keeps a descriptor from the children that are started until it is closed, which the disposal says. */
export function hideFromChildren(descriptor: number): Disposable {
  hidden.add(descriptor);
  return { [Symbol.dispose]: () => void hidden.delete(descriptor) };
}

/** The streams of a child that gets none of them. */
export function withoutHidden(stdio: StdioOptions): StdioOptions {
  if (hidden.size === 0) return stdio;
  const streams = typeof stdio === 'string' ? [stdio, stdio, stdio] : [...stdio];
  for (const descriptor of hidden) {
    while (streams.length <= descriptor) streams.push('ignore');
    streams[descriptor] = harmless;
  }
  return streams;
}
