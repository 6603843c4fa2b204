/** What goes between this program and a module in a process of its own: a line of JSON each. Pure. */
import { newer, nullable, object, text, whole } from '../json-reader.ts';

/** A call of a function of the module. */
export interface ModuleCall {
  /** 0 for one whose answer doesn't matter. */
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

/** What came of it: a value as JSON, or an error's text. */
export type ModuleReply =
  | { readonly id: number; readonly value: string }
  | { readonly id: number; readonly error: string };

const maxError = 500;

/** Reads a line of answers. Throws JsonFormError, SyntaxError. */
export const readReply = (line: string): ModuleReply =>
  object<ModuleReply>((of) => {
    const [id, error] = [of('id', whole), of('error', newer(nullable(text), null))];
    return error === null ? { id, value: of('value', text) } : { id, error: error.slice(0, maxError) };
  })(JSON.parse(line), 'an answer');
