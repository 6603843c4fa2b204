/** The node of P17. */

export const cores = 256;
export const gpus = 16;
/** Kernels that the node has while one more comes and goes. */
export const kernels = 500;
