/** Files of a kernel. */
import { z } from '@hono/zod-openapi';
import { pathField } from './fields.ts';

/** Query of an upload. */
export const uploadQuerySchema = z.strictObject({
  path: pathField,
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'not a file mode in octal, like 644')
    .transform((text) => Number.parseInt(text, 8))
    .optional()
    .openapi({ type: 'string', example: '755' }),
});

/** Query of a download. */
export const fileQuerySchema = z.strictObject({ path: pathField });

/** Query of a listing. */
export const listFilesQuerySchema = z.strictObject({ path: pathField.default('.') });

/** Reply of an upload. */
export const uploadReplySchema = z.strictObject({ bytes: z.number() });

/** Reply of a listing. */
export const fileListSchema = z
  .strictObject({
    path: z.string(),
    files: z
      .array(
        z.strictObject({
          filename: z.string(),
          size: z.number(),
          mode: z.string(),
          ctime: z.number(),
          mtime: z.number(),
          atime: z.number(),
        }),
      )
      .readonly(),
  })
  .openapi('FileList');

/** Headers of a download. */
export const downloadHeadersSchema = z.strictObject({
  'X-Kernelet-Form': z
    .enum(['file', 'tar'])
    .openapi({ description: 'Whether it is a file or the archive of a folder.' }),
  'X-Kernelet-Name': z.string().openapi({ description: 'The last part of the path, percent-encoded.' }),
});
