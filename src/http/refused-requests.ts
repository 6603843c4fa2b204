/**
 * Requests that are refused before anybody looks at what they ask for. Those that a browser makes for a page which is not of the API's
 * origin: of a site that knows its address, or of a tenant, whose pages are shown by the way to the ports of kernels; programs say nothing
 * of an origin and are never meant. And those for an address that is another than it looks. Pure.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { KerneletError } from '../lib/errors.ts';

/** What says for whom a browser asks. */
export interface AskingPage {
  readonly method: string;
  readonly headers: Pick<IncomingHttpHeaders, 'host' | 'origin' | 'sec-fetch-site'>;
  /** Whether the connection is to go on as another protocol. */
  readonly upgrades: boolean;
}

/** Change nothing, and what they answer is kept from foreign pages by the browser. */
const safeMethods = ['GET', 'HEAD', 'OPTIONS'];

/** `.` and `..` in a path, written out or not; of a URL a backslash is a slash too. */
const dotSegment = /(^|[\\/])(\.|%2e){1,2}([\\/]|$)/i;

/**
 * Throws INVALID_ARGUMENT for an address that means another one: a gate before the API that lets a path of one kernel pass must not be led
 * to another's. `url`: as the caller wrote it.
 */
export function refuseDotSegments(url: string): void {
  const [path = ''] = url.split(/[?#]/, 1);
  if (!dotSegment.test(path)) return;
  throw new KerneletError('INVALID_ARGUMENT', 'the path has a part . or .. in it; ask for what it leads to');
}

/** Throws FOREIGN_ORIGIN for what would change something, or open a connection, on behalf of a foreign page. */
export function refuseForeignPage({ method, headers, upgrades }: AskingPage): void {
  if (safeMethods.includes(method) && !upgrades) return;
  const { host, origin, 'sec-fetch-site': site } = headers;
  const isOwn = origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
  if (isOwn && site !== 'cross-site' && site !== 'same-site') return;
  const from = isOwn ? site : origin;
  throw new KerneletError(
    'FOREIGN_ORIGIN',
    `a page from elsewhere (${JSON.stringify(from?.slice(0, 200))}) asks for it`,
  );
}
