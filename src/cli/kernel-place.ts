/** Paths of kernels and of this machine, as command lines write them. Pure. */
import { UsageError } from './option-reader.ts';

/** A path of this machine, or of a kernel. */
export type Place = { readonly path: string; readonly kernel: string | null };

/** A path in a kernel. */
export interface KernelPlace extends Place {
  readonly kernel: string;
}

/** What stands for a kernel, a colon, a path. A path of this machine that looks so is written with `./` before it. */
export function placeOf(text: string): Place {
  const [, kernel, path = ''] = /^([A-Za-z0-9][A-Za-z0-9_.-]*):(.*)$/s.exec(text) ?? [];
  return kernel === undefined ? { path: text, kernel: null } : { path: path === '' ? '.' : path, kernel };
}

/** The same of a path that has to be a kernel's. Throws UsageError. */
export function kernelPlace(text: string): KernelPlace {
  const { kernel, path } = placeOf(text);
  if (kernel !== null) return { kernel, path };
  throw new UsageError(
    `${JSON.stringify(text)} names no kernel`,
    'Give ID:PATH; a path begins in the home, ID: is the home itself.',
  );
}
