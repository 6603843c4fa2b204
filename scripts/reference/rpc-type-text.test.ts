import { expect, it } from 'vitest';
import { z } from 'zod';
import { anything, bytes, imageReference, kernelId, openMap, port, textMap } from '../../src/backendai/rpc/fields.ts';
import { typeText } from './rpc-type-text.ts';

it.each([
  [z.string().nullable(), 'str | nil'],
  [z.union([z.string(), z.number(), z.bigint()]), 'str | float | int'],
  [z.array(z.tuple([kernelId, port])), '[UUID, port][]'],
  [z.array(z.enum(['a', 'b'])), '("a" | "b")[]'],
  [z.array(z.never()), '[]'],
  [bytes, 'bytes'],
  [z.record(z.string(), anything), '{ str: any }'],
  [z.strictObject({}), '{}'],
  [z.looseObject({ a: z.int(), b: textMap.optional() }), '{ a: int, b?: { str: str }, … }'],
  [openMap({ a: z.boolean().optional() }), '{ a?: bool, … }'],
  [z.null(), 'nil'],
  [z.literal('agent'), '"agent"'],
])('says types as people do (%#)', (schema, text) => {
  expect(typeText(schema)).toBe(text);
});

it('lays out what is wide', () => {
  const wide = z.record(z.string(), imageReference.extend({ another: z.strictObject({ one: z.int() }) }));
  expect(typeText(wide)).toBe(`{ str: {
  registry: str
  project: str | nil
  name: str
  tag: str
  architecture: str
  is_local: bool
  another: { one: int }
} }`);
});
