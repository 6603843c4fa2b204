/** What stands for a kernel: its id, its name, and the beginning of its id where no other begins so. Pure. */
import { KerneletError } from '../lib/errors.ts';
import { type KernelId, kernelNameForm } from '../lib/ids.ts';

/** What a kernel is found by. */
export interface NamedKernel {
  readonly id: KernelId;
  readonly name: string | null;
}

/** Kernels that an error names at most. */
const maxNamed = 4;

/**
 * The kernel of this id; of this name, the first of them; or the only one whose id begins so. Throws INVALID_ARGUMENT,
 * KERNEL_NOT_FOUND, AMBIGUOUS_ID.
 */
export function resolveKernelId(text: string, known: readonly NamedKernel[]): KernelId {
  if (!kernelNameForm.test(text)) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new KerneletError('INVALID_ARGUMENT', `${shown} is not a kernel id, the beginning of one, or a name`);
  }
  const wanted = text.toLowerCase();
  const exact = known.find(({ id }) => id === wanted) ?? known.find(({ name }) => name === text);
  if (exact) return exact.id;
  const matches = known.filter(({ id }) => id.startsWith(wanted));
  const [only, another] = matches;
  const context = { kernel: text };
  if (!only) throw new KerneletError('KERNEL_NOT_FOUND', `no kernel ${text}`, { context });
  if (another) {
    const message = `${matches.length} kernels begin with ${wanted}: ${namesOf(matches)}`;
    throw new KerneletError('AMBIGUOUS_ID', message, { context });
  }
  return only.id;
}

/** Sees that no living kernel has the id or the name of a new one. Throws KERNEL_EXISTS. */
export function assertFree(wanted: NamedKernel, living: Iterable<NamedKernel>): void {
  for (const { id, name } of living) {
    const context = { kernel: id };
    if (id === wanted.id) throw new KerneletError('KERNEL_EXISTS', `there is a kernel ${id} already`, { context });
    if (name !== null && name === wanted.name)
      throw new KerneletError('KERNEL_EXISTS', `there is a kernel called ${name} already: ${id}`, { context });
  }
}

function namesOf(kernels: readonly NamedKernel[]): string {
  const named = kernels.slice(0, maxNamed).map(({ id, name }) => (name === null ? id : `${id} (${name})`));
  const rest = kernels.length - named.length;
  return named.join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}
