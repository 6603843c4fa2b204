/** Earlier releases, of which a state folder is kept, and the readers with which each of them reads what this program writes. */
import { readdirSync } from 'node:fs';
import path from 'node:path';

const fixtures = path.resolve(import.meta.dirname, '..', 'fixtures', 'state-folders');

/** Their names, which are those of their folders. */
export const releases: readonly string[] = readdirSync(fixtures, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);

/** What the release has read state with. What they give is in the forms of that release. */
export interface ReleaseReaders {
  readonly decodeRecord: (json: string) => { readonly spec: object; readonly containerId: string | null };
  readonly parseEvents: (text: string) => readonly { readonly sequence: number }[];
  readonly parseOutbox: (
    text: string,
  ) => { readonly next: number; readonly pending: readonly object[]; readonly names: readonly string[] } | null;
  readonly batchNote: (value: unknown, place: string) => object;
  readonly taskNote: (value: unknown, place: string) => object;
  readonly parseAccount: (value: unknown) => object | null;
  /** Knows a container by its labels, under the secret of the state folder. */
  readonly Ownership: new (
    agentId: string,
    secret: Uint8Array,
  ) => {
    identify(container: { id: string; name: string; labels: object }): object | null;
  };
}

/** Loads them: a bundle of the release's own sources. */
export const readersOf = async (release: string): Promise<ReleaseReaders> =>
  (await import(path.join(fixtures, release, 'readers.mjs'))) as ReleaseReaders;
