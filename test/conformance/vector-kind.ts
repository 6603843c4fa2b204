/** What a kind of vector file is, and what running one answers. */

/** One case of a file: what differs, or null when it passes. */
export interface CaseResult {
  readonly id: string;
  readonly problem: string | null;
}

/** A format of vector files. */
export interface VectorKind {
  readonly name: string;
  /** Whether a file's parsed JSON is of this kind; told by its content alone. */
  recognises(document: unknown): boolean;
  /** Runs every case. What it throws fails the file as a whole. */
  run(document: unknown): readonly CaseResult[] | Promise<readonly CaseResult[]>;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value is a JSON object. */
export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The items of a list under a key of an object; undefined when there is no such list of objects. */
export function itemsOf(document: unknown, key: string): readonly JsonObject[] | undefined {
  const items = isObject(document) ? document[key] : undefined;
  return Array.isArray(items) && items.length > 0 && items.every(isObject) ? items : undefined;
}

/** Runs one case: what `check` returns or throws is its problem. */
export function runCase(id: string, check: () => string | null): CaseResult {
  try {
    return { id, problem: check() };
  } catch (error) {
    return { id, problem: error instanceof Error ? `threw ${error.message}` : String(error) };
  }
}
