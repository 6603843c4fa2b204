/**
 * Reads the engine's replies. Their shape is a matter of the engine's version and partly of tenants (labels, names), so
 * nothing is believed: an absent or odd field becomes the empty value of its kind.
 */

/** An object of unknown fields. */
export type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one when it is none. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

/** The field as an object. */
export function child(from: Fields, key: string): Fields {
  return fields(from[key]);
}

/** The field as text; `''` when it is none. */
export function text(from: Fields, key: string): string {
  const value = from[key];
  return typeof value === 'string' ? value : '';
}

/** The field as a finite number; 0 when it is none. */
export function number(from: Fields, key: string): number {
  const value = from[key];
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}

/** Whether the field is `true`. */
export function flag(from: Fields, key: string): boolean {
  return from[key] === true;
}

/** The value as a list; an empty one when it is none. */
export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The texts of a list field. */
export function texts(from: Fields, key: string): readonly string[] {
  return list(from[key]).filter((item): item is string => typeof item === 'string');
}

/** The texts of a map field; a map without a prototype, since the keys are tenants' labels. */
export function textMap(from: Fields, key: string): Readonly<Record<string, string>> {
  const result: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(child(from, key))) {
    if (typeof value === 'string') result[name] = value;
  }
  return result;
}
