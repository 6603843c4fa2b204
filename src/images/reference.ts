/**
 * Names of images as people write them (`debian:bookworm`, `ghcr.io/x/y@sha256:…`), checked and completed by the rules
 * that engines use: no registry means `docker.io`, one path component there means `library/…`, no tag means `latest`.
 */
import { KerneletError } from '../lib/errors.ts';

/** An image name, checked and completed. */
export interface ImageReference {
  /** Host of the registry, with its port if it has one: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** Path in the registry: `library/debian`. */
  readonly path: string;
  /** Null when the name has only a digest. */
  readonly tag: string | null;
  /** `sha256:` and 64 hexadecimal digits, or null. */
  readonly digest: string | null;
  /** The shortest form that means the same, to show and to give to the engine: `debian:bookworm`. */
  readonly familiar: string;
  /** The full form, equal for equal images: `docker.io/library/debian:bookworm`. */
  readonly canonical: string;
}

const defaultRegistry = 'docker.io';
const maxReference = 1024;
const maxName = 255;

const host =
  /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*)(?::(\d{1,5}))?$/;
const component = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestForm = /^sha256:[0-9a-f]{64}$/;
const idForm = /^(?:sha256:)?[0-9a-f]{64}$/;

/** Whether the text is an engine's id of an image rather than a name: such an image can't be pulled. */
export function isImageId(text: string): boolean {
  return idForm.test(text);
}

/** Reads an image name. Throws INVALID_ARGUMENT, which says what part is wrong. */
export function parseImageReference(text: string): ImageReference {
  const fail = (problem: string): KerneletError =>
    new KerneletError(
      'INVALID_ARGUMENT',
      `image ${JSON.stringify(text.slice(0, 120))} is not a name of an image: ${problem}`,
    );
  if (text.length === 0) throw fail('it is empty');
  if (text.length > maxReference) throw fail(`it is longer than ${maxReference} characters`);
  if (text.includes('://')) throw fail('it is an address; leave the scheme out');
  if (isImageId(text)) throw fail('it is an id');

  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0) throw fail('"@" stands in it more than once');
  if (digest !== undefined && !digestForm.test(digest)) {
    throw fail('what follows "@" is not "sha256:" and 64 hexadecimal digits in lower case');
  }
  const { name, tag } = splitTag(beforeDigest);
  if (tag !== null && !tagForm.test(tag)) {
    throw fail(`the tag ${JSON.stringify(tag.slice(0, 40))} is not 1 to 128 letters, digits, ".", "_" and "-"`);
  }
  const { registry, path } = splitRegistry(name);
  const port = host.exec(registry)?.[1];
  if (!host.test(registry) || (port !== undefined && (Number(port) < 1 || Number(port) > 65_535))) {
    throw fail(`${JSON.stringify(registry.slice(0, 80))} is not a host of a registry`);
  }
  for (const part of path.split('/')) {
    if (!component.test(part)) {
      const hint = /[A-Z]/.test(part) ? ' (upper case is not allowed)' : '';
      throw fail(`${JSON.stringify(part.slice(0, 80))} is not a part of an image's path${hint}`);
    }
  }
  if (registry.length + 1 + path.length > maxName) throw fail(`it is longer than ${maxName} characters`);
  return build(registry, path, tag ?? (digest === undefined ? 'latest' : null), digest ?? null);
}

function build(registry: string, path: string, tag: string | null, digest: string | null): ImageReference {
  const suffix = `${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
  const official = path.startsWith('library/') && !path.slice('library/'.length).includes('/');
  const shortPath = official ? path.slice('library/'.length) : path;
  const familiar = registry === defaultRegistry ? shortPath : `${registry}/${path}`;
  return {
    registry,
    path,
    tag,
    digest,
    familiar: `${familiar}${suffix}`,
    canonical: `${registry}/${path}${suffix}`,
  };
}

/** The tag follows the last colon, unless a slash follows that: then the colon is a port's. */
function splitTag(text: string): { name: string; tag: string | null } {
  const colon = text.lastIndexOf(':');
  if (colon < 0 || text.includes('/', colon)) return { name: text, tag: null };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first component is a registry when it can't be a path: it has a dot, a colon or upper case, or is `localhost`. */
function splitRegistry(name: string): { registry: string; path: string } {
  const slash = name.indexOf('/');
  const head = name.slice(0, Math.max(0, slash));
  const isHost = head === 'localhost' || /[.:A-Z[]/.test(head);
  const registry = isHost ? head : defaultRegistry;
  const path = isHost ? name.slice(slash + 1) : name;
  if (registry !== defaultRegistry && registry !== 'index.docker.io') return { registry, path };
  return { registry: defaultRegistry, path: path.includes('/') ? path : `library/${path}` };
}
