/**
 * What kernels are told of themselves at the address at which clouds tell machines of themselves (spec config-and-ops 20.3), byte
 * for byte as upstream's HTTP library answers. Pure.
 */
import { STATUS_CODES } from 'node:http';
import type { Environ } from '../../kernel/spec.ts';

/** The kernel that asks, as far as it is told of itself. */
export interface MetadataCaller {
  /** The address from which it asks. */
  readonly address: string;
  readonly environ: Environ;
}

/** What the node says of all its kernels. */
export interface MetadataNode {
  /** Whether a jail confines them. */
  readonly isJail: boolean;
}

/** An answer; it has no length, which follows from its body. */
export interface MetadataReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Folders of the tree, with what lies in each. There are no extensions. */
const folders: ReadonlyMap<string, readonly string[]> = new Map([
  ['/', ['latest/']],
  ['/latest/', ['extension/', 'meta-data/']],
  ['/latest/meta-data/', ['envs', 'local-ipv4', 'sandbox']],
  ['/latest/extension/', []],
]);
/** What there is of apps: that of kernels alone, since there are no extensions. */
const apps = 'meta-data/';

const plain = 'text/plain; charset=utf-8';
/** What apps answer, those of lists among it, has the name of the server. */
const ofApps = /^\/latest\/(?:meta-data|extension)(?:\/|$)/;

const leaves: Readonly<Record<string, (caller: MetadataCaller, node: MetadataNode) => readonly [string, string]>> = {
  '/latest/meta-data/envs': ({ environ }) => ['application/json; charset=utf-8', jsonOf(environ)],
  '/latest/meta-data/local-ipv4': ({ address }) => [plain, address],
  '/latest/meta-data/sandbox': (_caller, { isJail }) => [plain, isJail ? 'jail' : 'docker'],
};

/** The answer to one who is no kernel of this node, or whose kernel has ended. */
export const unknownCaller: MetadataReply = bare(403);

/** The answer to one who asks too much. */
export const tooMany: MetadataReply = bare(429);

/** The answer while it cannot be found out who asks. */
export const unanswered: MetadataReply = bare(503);

function bare(status: number): MetadataReply {
  return { status, headers: { 'content-type': 'application/octet-stream' }, body: '' };
}

/** The answer to a kernel. `target`: as the request has it, with its query. */
export function answerMetadata(
  method: string,
  target: string,
  caller: MetadataCaller,
  node: MetadataNode,
): MetadataReply {
  const path = pathOf(target);
  const { status, type = plain, body, allow } = contentOf(method, path, caller, node);
  return {
    status,
    headers: {
      'content-type': type,
      ...(allow ? { allow: 'GET,HEAD' } : {}),
      ...(path !== null && ofApps.test(path) ? { server: 'BackendAI' } : {}),
    },
    body,
  };
}

interface Content {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
  readonly allow?: boolean;
}

const failure = (status: 404 | 405): Content => ({
  status,
  body: `${status}: ${STATUS_CODES[status]}`,
  allow: status === 405,
});

function contentOf(method: string, path: string | null, caller: MetadataCaller, node: MetadataNode): Content {
  if (path === null) return failure(404);
  const leaf = Object.hasOwn(leaves, path) ? leaves[path] : undefined;
  const listed = listOf(path);
  if (!leaf && listed === null) return failure(404);
  if (method !== 'GET' && method !== 'HEAD') return failure(405);
  if (!leaf) return { status: 200, body: listed ?? '' };
  const [type, body] = leaf(caller, node);
  return { status: 200, type, body };
}

/** What a path of a folder lists, one a line; null: it is none. */
function listOf(path: string): string | null {
  // Whatever version is named, it is the one that there is.
  if (/^\/[^/]+$/.test(path)) return apps;
  return folders.get(path.endsWith('/') ? path : `${path}/`)?.join('\n') ?? null;
}

/** Without the query, decoded; null for what is no path. */
function pathOf(target: string): string | null {
  const [path = ''] = target.split(/[?#]/);
  try {
    return path.startsWith('/') ? decodeURIComponent(path) : null;
  } catch {
    return null;
  }
}

/** As Python's `json.dumps` writes a dictionary. */
function jsonOf(environ: Environ): string {
  const entries = environ.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return `{${entries.join(', ')}}`.replace(/[\u0080-\uffff]/g, escaped);
}
