/** Errors on their way out of the API: the registry's status, the document, never a stack trace. */
import { z } from '@hono/zod-openapi';
import { errorCodes } from '../lib/error-codes.ts';
import { KerneletError, toKerneletError } from '../lib/errors.ts';
import { didYouMean } from '../lib/nearest-name.ts';
import { isSecretName, redactText } from '../lib/redaction.ts';

const errorDocumentSchema = z
  .strictObject({
    code: z.enum(Object.keys(errorCodes)).openapi({ description: 'A code of the registry: docs/reference/errors.md.' }),
    message: z.string().openapi({ description: 'What happened, to which object.' }),
    cure: z.string().openapi({ description: 'What to do.' }),
    context: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).optional(),
  })
  .openapi('ErrorDocument');

/** The body of every reply that is not a success. */
export const errorReplySchema = z.strictObject({ error: errorDocumentSchema }).openapi('ErrorReply');

/** The reply for anything thrown. */
export function errorReply(thrown: unknown): Response {
  const error = toKerneletError(thrown);
  return Response.json({ error: error.toDocument() }, { status: error.entry.httpStatus });
}

/** The longest value that an error repeats, as JSON. */
const maxShown = 80;

/** INVALID_ARGUMENT for what a schema refused; names the field and, when it is short, the value. `where` = `body`, `query` or `path`. */
export function invalidArgument(where: string, error: z.ZodError, known: readonly string[] = []): KerneletError {
  const issue = error.issues[0];
  const names = (issue?.path ?? []).map(String);
  const path = names.join('.');
  const field = path === '' ? where : `${where}.${path}`;
  const text = issue ? describeIssue(issue, known) + (names.some(isSecretName) ? '' : shownInput(issue)) : 'not valid';
  return new KerneletError('INVALID_ARGUMENT', `${field}: ${text}`, { context: { field } });
}

function describeIssue(issue: z.core.$ZodIssue, known: readonly string[]): string {
  // A key of a record: what its own schema says.
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  if (issue.code === 'invalid_type' && issue.expected === 'int') return 'not a whole number';
  if (issue.code !== 'unrecognized_keys') return redactText(issue.message).slice(0, 300);
  const key = issue.keys[0] ?? '';
  return `unknown key ${JSON.stringify(key.slice(0, 80))}${didYouMean(key, known)}`;
}

/** The value after a colon; nothing for a long or compound one, or for a missing one. */
function shownInput(issue: z.core.$ZodIssue): string {
  const { code, input } = issue;
  if (code === 'unrecognized_keys' || !['string', 'number', 'boolean'].includes(typeof input)) return '';
  const shown = JSON.stringify(input);
  return shown.length > maxShown ? '' : `: ${shown}`;
}
