/**
 * Which names and links of an archive may be unpacked. Archives come from tenants, so a name may try to leave the
 * folder it is unpacked into, by itself or through a link that an earlier entry made.
 */
import { KerneletError } from './errors.ts';

/**
 * The components of an entry's name; none for the archive's own root. Throws FORBIDDEN_PATH when the name is absolute
 * or goes up.
 */
export function entryComponents(name: string): readonly string[] {
  const components = name.split('/').filter((component) => component !== '' && component !== '.');
  if (name.startsWith('/') || components.includes('..') || name.includes('\0')) {
    throw new KerneletError(
      'FORBIDDEN_PATH',
      `the archive has an entry ${JSON.stringify(name.slice(0, 200))}, which lies outside of it`,
    );
  }
  return components;
}

/**
 * Whether a symbolic link stays inside: its target is relative and goes up only at its beginning, by no more levels
 * than the link lies deep. Entries are never written through links, so the folder of the link is a real one, and going
 * up from it leads where the name says. A target such as `a/../..` is refused, for `a` may be a link.
 */
export function linkStaysInside(entry: readonly string[], target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false;
  const components = target.split('/').filter((component) => component !== '' && component !== '.');
  const firstName = components.findIndex((component) => component !== '..');
  const ups = firstName < 0 ? components.length : firstName;
  return ups <= entry.length - 1 && !components.slice(ups).includes('..');
}
