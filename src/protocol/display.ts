/**
 * Values that runs show, as notebooks do: each with every form that it offers, of which a reader takes the one that it can
 * show. The event names the forms, and its body holds their bytes one behind the other.
 */

/** A form of a value. */
export interface DisplayForm {
  /** Its media type: `text/plain`, `image/png`. */
  readonly type: string;
  readonly bytes: number;
}

/** A form with its content. */
export interface DisplayedForm {
  readonly type: string;
  readonly body: Uint8Array;
}

/** The parts that a value can have in a run. */
export const displayRoles = ['result', 'display'] as const;
/** `result` is the value of the code that was run, `display` what the program has shown meanwhile. */
export type DisplayRole = (typeof displayRoles)[number];

/** The forms that one value may have. */
export const maxDisplayForms = 32;
/** The bytes of all forms of a value together: what fits into one frame with its header. */
export const maxDisplayBytes = 960 * 1024;

const mediaTypeForm = /^[\w.+-]{1,64}\/[\w.+-]{1,64}(;.{0,128})?$/;
const binaryTypes = /^(?:image\/(?!svg\+xml)|audio\/|video\/|application\/pdf)/;

/** Whether this is a media type. */
export const isMediaType = (type: string): boolean => mediaTypeForm.test(type);

/** Whether the forms of a type are no text, so that they travel as base64 wherever only text can. */
export const isBinaryType = (type: string): boolean => binaryTypes.test(type);

/** The forms of a value with their bytes. */
export function displayedForms(forms: readonly DisplayForm[], body: Uint8Array): readonly DisplayedForm[] {
  let start = 0;
  return forms.map(({ type, bytes }) => {
    const end = start + bytes;
    const form = { type, body: body.subarray(start, end) };
    start = end;
    return form;
  });
}
