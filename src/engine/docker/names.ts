/** How objects of the engine are named in requests, and in texts for people: no name can reach another object's address. */
import { KerneletError } from '../../lib/errors.ts';
import type { WantedLabels } from '../engine.ts';

const form = /^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,511}$/;

/** A reference split for the engine: `debian:bookworm` → `debian`, `bookworm`; a digest counts as a tag. */
export interface SplitReference {
  readonly repository: string;
  readonly tag: string;
}

/**
 * The reference as part of a path. Throws INVALID_ARGUMENT when it cannot be one; slashes stay, since the engine's
 * routes take them as they are.
 */
export function referencePath(reference: string): string {
  const parts = reference.split('/');
  if (form.test(reference) && !parts.some((part) => part === '' || part === '.' || part === '..')) {
    return parts.map(encodeURIComponent).join('/');
  }
  throw new KerneletError(
    'INVALID_ARGUMENT',
    `image ${JSON.stringify(reference.slice(0, 200))} is not a reference of the form [REGISTRY/]NAME[:TAG]`,
    { context: { image: reference.slice(0, 200) } },
  );
}

/** Splits a reference; without a tag it means `latest` (the engine would fetch every tag). Throws INVALID_ARGUMENT. */
export function splitReference(reference: string): SplitReference {
  referencePath(reference);
  const digest = reference.indexOf('@');
  if (digest > 0) return { repository: reference.slice(0, digest), tag: reference.slice(digest + 1) };
  const colon = reference.indexOf(':', reference.lastIndexOf('/') + 1);
  if (colon < 0) return { repository: reference, tag: 'latest' };
  return { repository: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

/**
 * A name or id as one segment of a path. Throws INVALID_ARGUMENT for what cannot be one, so that no name can reach
 * another object's address.
 */
export function pathSegment(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/')) {
    throw new KerneletError('INVALID_ARGUMENT', `${JSON.stringify(name.slice(0, 100))} is not the name of an object`);
  }
  return encodeURIComponent(name);
}

/** The engine's filter for objects that carry all of these labels. */
export function labelFilter(labels: WantedLabels): string {
  return JSON.stringify({
    label: Object.entries(labels).map(([key, value]) => (value === null ? key : `${key}=${value}`)),
  });
}

/** An id as people read it; names stay whole. */
export function shortId(idOrName: string): string {
  return /^[0-9a-f]{64}$/.test(idOrName) ? idOrName.slice(0, 12) : idOrName.slice(0, 200);
}
