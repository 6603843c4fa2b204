/** Addresses in the API, of kernels and what they have. Pure. */
import { KerneletError } from '../lib/errors.ts';
import { kernelNameForm } from '../lib/ids.ts';

/** The address of a kernel. Throws INVALID_ARGUMENT for what no kernel is called. */
export const kernelPath = (id: string): string => `/v1/kernels/${checkedId(id)}`;
/** Of what is kept of a kernel. Throws as `kernelPath`. */
export const keptPath = (id: string): string => `/v1/kept/${checkedId(id)}`;
/** Of a run, by its id, the beginning of it, or its name. Throws INVALID_ARGUMENT for what is neither. */
export const runPath = (id: string, run: string): string => `${kernelPath(id)}/runs/${part(run)}`;
/** Of a context. Throws INVALID_ARGUMENT for what no context is called. */
export const contextPath = (id: string, context: string): string => `${kernelPath(id)}/contexts/${part(context)}`;
/** Of a service. Throws INVALID_ARGUMENT for what no service is called. */
export const servicePath = (id: string, service: string): string => `${kernelPath(id)}/services/${part(service)}`;

type QueryValue = string | number | boolean | readonly string[];

/** The parameters that have a value, with their question mark; of switches those that are on, of lists each item. */
export const query = (values: Readonly<Record<string, QueryValue | undefined>>): string => {
  const parameters = new URLSearchParams();
  for (const [key, value] of Object.entries(values)) {
    const list = typeof value === 'object' ? value : [value];
    for (const one of list) if (one !== undefined && one !== false) parameters.append(key, String(one));
  }
  return parameters.size === 0 ? '' : `?${parameters}`;
};

function checkedId(id: string): string {
  if (kernelNameForm.test(id)) return id;
  const shown = JSON.stringify(id.slice(0, 80));
  throw new KerneletError('INVALID_ARGUMENT', `${shown} is not a kernel id, the beginning of one, or a name`);
}

/** An address with one of these in it means another, however they are encoded: that of the kernel itself. */
const leadingElsewhere: ReadonlySet<string> = new Set(['', '.', '..']);

function part(name: string): string {
  if (!leadingElsewhere.has(name)) return encodeURIComponent(name);
  throw new KerneletError('INVALID_ARGUMENT', `nothing in a kernel can be called ${JSON.stringify(name)}`);
}
