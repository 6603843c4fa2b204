/** How an error leaves the API. */
import { z } from '@hono/zod-openapi';
import { errorCodes } from '../../lib/error-codes.ts';

/** The document of an error. */
export const errorDocumentSchema = z
  .strictObject({
    code: z.enum(Object.keys(errorCodes)).openapi({ description: 'A code of the registry: docs/reference/errors.md.' }),
    message: z.string().openapi({ description: 'What happened, to which object.' }),
    cure: z.string().openapi({ description: 'What to do.' }),
    context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  })
  .openapi('ErrorDocument');

/** The body of every reply that is not a success. */
export const errorReplySchema = z.strictObject({ error: errorDocumentSchema }).openapi('ErrorReply');
