import { z } from 'zod';
import { define } from './define.ts';
import { bytes, kernelId, nothing } from './fields.ts';

/** `upload_file`: one file of at most 1 MiB (spec rpc 8.20). */
export const uploadFile = define(
  'upload_file',
  { kernel_id: kernelId, filename: z.string(), filedata: bytes },
  nothing,
);

/** `download_file`: a tar archive (spec rpc 8.21). */
export const downloadFile = define('download_file', { kernel_id: kernelId, filepath: z.string() }, bytes);

/** `download_single`: the content of one file (spec rpc 8.22). */
export const downloadSingle = define('download_single', { kernel_id: kernelId, filepath: z.string() }, bytes);

/** `list_files`: JSON text of a folder's entries (spec rpc 8.23). */
export const listFiles = define(
  'list_files',
  { kernel_id: kernelId, path: z.string() },
  z.strictObject({ files: z.string(), errors: z.string(), abspath: z.string() }),
);
