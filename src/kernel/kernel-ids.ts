/** Finding a kernel by its id or a unique prefix of it. Pure. */
import { KerneletError } from '../lib/errors.ts';
import type { KernelId } from '../lib/ids.ts';

const prefixForm = /^[0-9a-f-]{1,36}$/;

/** The one id that is or begins with `text`. Throws INVALID_ARGUMENT, KERNEL_NOT_FOUND, AMBIGUOUS_ID. */
export function resolveKernelId(text: string, known: Iterable<KernelId>): KernelId {
  const wanted = text.toLowerCase();
  if (!prefixForm.test(wanted)) {
    throw new KerneletError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text.slice(0, 80))} is not a kernel id or the beginning of one`,
    );
  }
  const matches: KernelId[] = [];
  for (const id of known) {
    if (id === wanted) return id;
    if (id.startsWith(wanted)) matches.push(id);
  }
  const [only, another] = matches;
  if (only === undefined) {
    throw new KerneletError('KERNEL_NOT_FOUND', `no kernel ${wanted}`, { context: { kernel: wanted } });
  }
  if (another !== undefined) {
    throw new KerneletError(
      'AMBIGUOUS_ID',
      `${matches.length} kernels begin with ${wanted}: ${matches.slice(0, 4).join(', ')}`,
      {
        context: { kernel: wanted },
      },
    );
  }
  return only;
}
