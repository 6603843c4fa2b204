/** Fields that several requests share. */
import { z } from '@hono/zod-openapi';
import { isKernelId, kernelNameForm } from '../lib/ids.ts';
import {
  maxArgumentBytes,
  maxCodeBytes,
  maxDurationMs,
  maxEnvironBytes,
  maxEnvironEntries,
  maxLabelBytes,
  maxLabels,
  maxPathBytes,
  maxTerminalCells,
} from './limits.ts';

/** Whether a text has a NUL, which no path, argument or variable can hold. */
const hasNul = (text: string): boolean => text.includes('\0');

/** A text without NUL, bounded in UTF-8 bytes. */
export const boundedText = (maxBytes: number, what: string) =>
  z
    .string()
    .refine((text) => Buffer.byteLength(text) <= maxBytes, `${what} may have ${maxBytes} bytes at most`)
    .refine((text) => !hasNul(text), `${what} may not contain a NUL character`);

/** What stands for a kernel. */
export const kernelIdField = z
  .string()
  .regex(kernelNameForm, 'not a kernel id, the beginning of one, or a name')
  .openapi({ example: '3f2a9c1e', description: 'A kernel id (lower-case UUID), a unique prefix of it, or its name.' });

/** The name of a kernel, which is no whole id. */
export const kernelNameField = z
  .string()
  .regex(
    kernelNameForm,
    'not a name: 1 to 64 letters, digits, ".", "_" and "-", of which the first is a letter or digit',
  )
  .refine((name) => !isKernelId(name.toLowerCase()), 'a name may not be a whole id')
  .openapi({ example: 'web', description: 'Stands for the kernel as its id does; unique among those that live.' });

/** Labels of a kernel, 64 at most: `KEY: VALUE`. */
export const labelsField = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$/, 'not the key of a label'),
    boundedText(maxLabelBytes, 'the value of a label'),
  )
  .refine((all) => Object.keys(all).length <= maxLabels, `at most ${maxLabels} labels`)
  .openapi({ example: { team: 'data' }, description: 'Chosen by whoever creates the kernel, to find it again.' });

/** A name that stands in addresses: no character of it needs an escape, and an address with `.` or `..` in it means another. */
const addressedName = (what: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, `not ${what}: 1 to 64 characters of letters, digits, ".", "_" and "-"`)
    .refine((name) => name !== '.' && name !== '..', `${what} may not be "." or ".."`);

/** A run's id, by which it is run once however often it is asked for. */
export const runIdField = addressedName('a run id').openapi({
  example: 'a1b2c3',
  description: 'Chosen by the caller; makes the request idempotent.',
});

/** The name of a context. */
export const contextField = addressedName('the name of a context').openapi({ example: 'main' });

/** The name of a language; whether it is known is for the agent to say. */
export const languageField = z
  .string()
  .regex(/^(jupyter:[\w.-]{1,64}|[a-z0-9][a-z0-9+_.-]{0,31})$/, 'not the name of a language')
  .openapi({ example: 'python' });

/** The name of a run, which stands in addresses in place of its id. */
export const runNameField = addressedName('the name of a run').openapi({
  example: 'web',
  description: 'Stands for the run as its id does; unique among the runs that have not ended.',
});

/** A path inside a kernel. */
export const pathField = boundedText(maxPathBytes, 'a path')
  .refine((text) => text.length > 0, 'a path may not be empty')
  .openapi({ example: 'data/input.csv', description: "Below the kernel's home, relative or absolute." });

/** An image reference, as far as its form goes: whether it means an image is for the engine to say. */
export const imageReferenceField = z
  .string()
  .min(1)
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:/@-]*$/, 'not an image reference')
  .openapi({ example: 'kernelet/python:latest' });

/** Variables of a kernel or a program. */
export const environField = z
  .record(
    z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]{0,255}$/, 'not the name of a variable'),
    boundedText(maxEnvironBytes, 'a variable'),
  )
  .refine((all) => Object.keys(all).length <= maxEnvironEntries, `at most ${maxEnvironEntries} variables`);

/** Source text, bounded by what a frame to the runner takes. */
export const codeField = z
  .string()
  .refine(
    (code) => Buffer.byteLength(JSON.stringify(code)) <= maxCodeBytes,
    `code may have ${maxCodeBytes} bytes at most; upload it as a file`,
  );

/** Arguments of a program, bounded together by what a frame to the runner takes. */
export const argumentsField = z
  .array(boundedText(maxArgumentBytes, 'an argument'))
  .max(4096)
  .refine(
    (list) => list.reduce((sum, text) => sum + Buffer.byteLength(text) + 1, 0) <= maxArgumentBytes,
    `arguments may have ${maxArgumentBytes} bytes at most together`,
  )
  .readonly();

/** The size of a terminal in characters. */
export const terminalSizeSchema = z
  .strictObject({ columns: z.int().min(1).max(maxTerminalCells), rows: z.int().min(1).max(maxTerminalCells) })
  .openapi('TerminalSize', { example: { columns: 80, rows: 24 } });

/** A duration in milliseconds, above 0. */
export const durationField = z.int().min(1).max(maxDurationMs);

/** A flag in a query string. */
export const flagField = z
  .enum(['true', 'false'])
  .optional()
  .transform((text) => text === 'true')
  .openapi({ type: 'boolean' });

/** What may be given several times in a query string. */
export const repeatedField = <Schema extends z.ZodType>(item: Schema) => z.array(item).max(64).readonly().default([]);

/** The number of an event in a query string. */
export const eventNumberField = z
  .string()
  .regex(/^[0-9]{1,15}$/, 'not the number of an event')
  .transform(Number)
  .openapi({ type: 'integer' });

/** The header by which a client goes on with a stream. */
export const resumeHeadersSchema = z.strictObject({
  'Last-Event-ID': eventNumberField
    .optional()
    .openapi({ description: 'The last event that arrived; counts more than `after`.' }),
});

/** The same or null. What has a name of its own in the document loses its `nullable()` there. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) => z.union([schema, z.null()]);

/** Path of everything about one kernel. */
export const kernelParamsSchema = z.strictObject({ id: kernelIdField });

/** Reply of an operation that has no result. */
export const doneSchema = z.strictObject({});
