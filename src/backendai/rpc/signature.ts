/**
 * What one RPC method takes and gives: the words that the server, the reference page and the tests read. A file in
 * `schema/` for each method (spec rpc 7, 8), as `http/schema/` is to `http/routes/`.
 */
import type { z } from 'zod';

/** The names, order and types of a method's arguments, and the type of its result. */
export interface RpcSignature<Shape extends z.ZodRawShape = z.ZodRawShape, Result extends z.ZodType = z.ZodType> {
  /** As on the wire: `create_kernels`. */
  readonly name: string;
  /** Its keys are the parameters, in the order in which they are given by position. */
  readonly args: z.ZodObject<Shape>;
  /** The last so many parameters can be given by name only. */
  readonly keywordOnly: number;
  readonly result: Result;
}
