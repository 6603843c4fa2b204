import { expect, it } from 'vitest';
import { methods } from './index.ts';

/** The methods of 24.09 in the specification's order, and the one that its manager calls besides (spec rpc 7). */
const of2409 = `ping update_scaling_group gather_hwinfo ping_kernel sync_kernel_registry create_kernels destroy_kernel
  interrupt_kernel get_completions get_logs restart_kernel execute trigger_batch_execution start_service
  get_commit_status commit push_image get_local_config shutdown_service upload_file download_file download_single
  list_files shutdown_agent create_local_network destroy_local_network reset_agent assign_port release_port
  clean_all_kernels`.split(/\s+/);

const served = methods.map(({ signature }) => signature.name);

it('serves every method of 24.09, and what its manager calls besides', () => {
  expect(of2409).toHaveLength(30);
  expect(of2409.filter((name) => !served.includes(name))).toEqual([]);
});

it('serves each method under one name', () => {
  expect(new Set(served).size).toBe(served.length);
});
