/** For tests: values as runs show them. */
import type { RunEvent } from '../../src/protocol/run-event.ts';

type DisplayEvent = Extract<RunEvent, { readonly kind: 'display' }>;

/** A value of these forms, and their content; by itself the value of the code that was run. */
export function shownValue(
  forms: Readonly<Record<string, string>>,
  { role = 'result', omitted = [] }: Partial<Pick<DisplayEvent, 'role' | 'omitted'>> = {},
): readonly [DisplayEvent, string] {
  const listed = Object.entries(forms).map(([type, content]) => ({ type, bytes: Buffer.byteLength(content) }));
  return [{ kind: 'display', role, forms: listed, omitted }, Object.values(forms).join('')];
}
