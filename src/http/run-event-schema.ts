/** What a run tells, as the API sends it: documents with bytes in base64, or frames with bytes as they are. */
import { z } from '@hono/zod-openapi';
import { displayRoles } from '../protocol/display.ts';
import type { EventDocument } from '../protocol/event-document.ts';
import { endReasons } from '../protocol/run-event.ts';
import type { Document } from './operation.ts';

const exitCode = z.int();

const formSchema = z
  .union([
    z.strictObject({ type: z.string(), text: z.string() }),
    z.strictObject({ type: z.string(), base64: z.string() }),
  ])
  .openapi('DisplayedForm', { description: 'A form of a value: a picture is in base64, what is text is text.' });

/** The `data` of a server-sent event of a run; its `id` is `n`. */
export const runEventSchema = z
  .strictObject({
    n: z.int().min(1),
    event: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('queued'), behind: z.string() }),
      z.strictObject({ kind: z.literal('started') }),
      z.strictObject({
        kind: z.literal('dropped'),
        upTo: z.int().openapi({
          description:
            'So many bytes of output from the beginning on are not kept any more; what follows comes behind them.',
        }),
      }),
      z.strictObject({ kind: z.literal('stdout') }),
      z.strictObject({ kind: z.literal('stderr') }),
      z.strictObject({
        kind: z.literal('display'),
        role: z.enum(displayRoles).openapi({ description: '`result`: the value of the code that was run.' }),
        forms: z.array(formSchema).readonly(),
        omitted: z
          .array(z.strictObject({ type: z.string(), bytes: z.int() }))
          .readonly()
          .openapi({ description: 'Forms that were too large.' }),
      }),
      z.strictObject({
        kind: z.literal('error'),
        name: z.string().openapi({ example: 'ZeroDivisionError' }),
        message: z.string().openapi({ example: 'division by zero' }),
        traceback: z.string().openapi({ description: 'Empty when the program has told of the error in its own way.' }),
      }),
      z.strictObject({ kind: z.literal('waiting-input'), prompt: z.string(), password: z.boolean() }),
      z.strictObject({ kind: z.literal('clean-finished'), exitCode }),
      z.strictObject({ kind: z.literal('build-finished'), exitCode }),
      z.strictObject({ kind: z.literal('finished'), exitCode, reason: z.enum(endReasons) }),
    ]),
    body: z.string().optional().openapi({ description: 'The bytes of output in base64.' }),
  })
  .openapi('RunEvent') satisfies z.ZodType<{ readonly event: Document<EventDocument> }>;

/** The events of a run as frames. */
export const framesSchema = z.any().openapi({
  type: 'string',
  format: 'binary',
  description:
    'The same events with their bytes as they are. Each is a frame: its length as 32 bits, big-endian; the length of its head likewise; the head, in JSON: `{"n", "event"}`; and the bytes: of output, of a traceback, or of the forms of a value, one behind the other, each of which has in the head its `type` and how many `bytes` are its. A head `{"error"}` ends the stream, a head `{}` means nothing.',
});
