import { define } from './define.ts';
import { textMap } from './fields.ts';

/** `scan_gpu_alloc_map`: what is allocated of each device, as decimal text (spec rpc 9.3). */
export const scanGpuAllocMap = define('scan_gpu_alloc_map', {}, textMap);
