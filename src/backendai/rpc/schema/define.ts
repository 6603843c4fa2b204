/** How a file of this folder declares its method. */
import { z } from 'zod';
import type { RpcSignature } from '../signature.ts';

/** Declares a method; unknown arguments are refused. */
export function define<Shape extends z.ZodRawShape, Result extends z.ZodType>(
  name: string,
  shape: Shape,
  result: Result,
  keywordOnly = 0,
): RpcSignature<Shape, Result> {
  return { name, args: z.strictObject(shape) as unknown as z.ZodObject<Shape>, keywordOnly, result };
}
