/** What a driver shows and how its query fails, as events of the run. Pure. */
import { type DisplayRole, maxDisplayBytes } from '../protocol/display.ts';
import type { RunEvent } from '../protocol/run-event.ts';
import type { DriverForm, FromDriver } from './driver-protocol.ts';

/** An event with its bytes. */
export interface SaidEvent {
  readonly event: RunEvent;
  readonly body: Uint8Array;
}

/** Characters of an error's name, and of its text, of which the traceback has the rest. */
const maxName = 256;
const maxMessage = 4096;
const nothing = new Uint8Array(0);

/**
 * A value with as many forms as one event takes; the largest are left out until the rest fits. A text without other forms is
 * output when it doesn't fit, so that nothing of it is lost.
 */
export function displayEvents(role: DisplayRole, forms: readonly DriverForm[]): readonly SaidEvent[] {
  const contents = forms.map((form) => {
    const body = 'data' in form ? Buffer.from(form.data, form.encoding === 'base64' ? 'base64' : 'utf8') : null;
    return { type: form.type, body, bytes: body?.length ?? ('bytes' in form ? form.bytes : 0) };
  });
  const [first, ...others] = contents;
  if (first?.type === 'text/plain' && first.body && first.bytes > maxDisplayBytes && others.length === 0) {
    return [{ event: { kind: 'stdout' }, body: Buffer.concat([first.body, newline]) }];
  }
  const kept = new Set(contents.filter(({ body }) => body !== null));
  for (const content of [...kept].toSorted((one, other) => other.bytes - one.bytes)) {
    if (sum([...kept]) <= maxDisplayBytes) break;
    kept.delete(content);
  }
  const named = (listed: typeof contents) => listed.map(({ type, bytes }) => ({ type, bytes }));
  const [shown, omitted] = [contents.filter((one) => kept.has(one)), contents.filter((one) => !kept.has(one))];
  const body = Buffer.concat(shown.map((one) => one.body ?? nothing));
  return [{ event: { kind: 'display', role, forms: named(shown), omitted: named(omitted) }, body }];
}

/** An error; a traceback that doesn't fit beside it is output. */
export function errorEvents({ name, message, traceback }: Extract<FromDriver, { ev: 'error' }>): readonly SaidEvent[] {
  const event = { kind: 'error', name: name.slice(0, maxName), message: message.slice(0, maxMessage) } as const;
  const body = Buffer.from(traceback);
  if (body.length <= maxDisplayBytes) return [{ event, body }];
  return [
    { event: { kind: 'stderr' }, body },
    { event, body: nothing },
  ];
}

const newline = Buffer.from('\n');
const sum = (listed: readonly { readonly bytes: number }[]): number =>
  listed.reduce((all, { bytes }) => all + bytes, 0);
