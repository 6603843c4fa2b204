/** What the extension types of the dialect mean (spec rpc 3.2), each as a value of its own kind. */

/** The six fields of an image reference. `project` may hold slashes, `name` may be empty. */
export interface ImageReference {
  readonly registry: string;
  readonly project: string | null;
  readonly name: string;
  readonly tag: string;
  readonly architecture: string;
  readonly isLocal: boolean;
}

/** An extension value, read. */
export type Extension =
  | { readonly kind: 'uuid' | 'datetime' | 'decimal' | 'slot-name'; readonly text: string }
  | { readonly kind: 'path'; readonly text: string; readonly pure: boolean }
  | { readonly kind: 'enum'; readonly class: string; readonly value: string | number | bigint }
  | { readonly kind: 'image'; readonly image: ImageReference }
  | { readonly kind: 'slots'; readonly slots: Readonly<Record<string, string>> }
  | { readonly kind: 'binary-size'; readonly bytes: number | bigint };

/** An extension value of a known code that is not of the form it must have. */
export class ExtensionError extends Error {
  override readonly name = 'ExtensionError';
}
