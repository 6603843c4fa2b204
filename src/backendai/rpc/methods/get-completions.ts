/** `get_completions` (spec rpc 8.9). Upstream never answers it; managers pass what they get to the client. */
import { z } from 'zod';
import { hasCode } from '../../../lib/errors.ts';
import { anyMap, kernelId } from '../fields.ts';
import { define, method } from '../rpc-method.ts';

/** Managers wait for 10 s. */
const patienceMs = 8_000;

const signature = define(
  'get_completions',
  { kernel_id: kernelId, text: z.string(), opts: anyMap },
  z
    .looseObject({
      status: z.string().optional(),
      completions: z.array(z.string()).optional(),
      result: z
        .strictObject({ status: z.string(), error: z.string().nullable(), suggestions: z.array(z.string()) })
        .optional(),
    })
    .nullable(),
);

/** What could stand at the cursor, in the forms of 24.09 and 26.8; nothing when the runner doesn't say. */
export const getCompletions = method({
  signature,
  waitsOnly: true,
  handle: async ({ kernel_id, text, opts }, { services: { agent }, signal }) => {
    const late = AbortSignal.timeout(patienceMs);
    const either = AbortSignal.any([signal, late]);
    const found = await agent.complete(kernel_id, text, cursorOf(text, opts), either).catch((error: unknown) => {
      if (late.aborted || hasCode(error, 'NOT_SUPPORTED')) return [];
      throw error;
    });
    const suggestions = [...found];
    return { status: 'finished', completions: suggestions, result: { status: 'finished', error: null, suggestions } };
  },
});

/** Clients give row and column; without them, or when they are no whole numbers, it is the end of the text. */
function cursorOf(text: string, { row, col }: Readonly<Record<string, unknown>>): number {
  if (!isWhole(col)) return text.length;
  const before = text.split('\n').slice(0, isWhole(row) ? row : 0);
  const start = before.reduce((sum, line) => sum + line.length + 1, 0);
  return Math.max(0, Math.min(text.length, start + col));
}

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value);
