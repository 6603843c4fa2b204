/** The node of P17. */

/** Cores. */
export const cores = 256;
/** GPUs. */
export const gpus = 16;
/** Kernels that the node has while one more comes and goes. */
export const kernels = 500;
