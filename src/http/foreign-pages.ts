/**
 * Requests that a browser makes for a page which is not of the API's origin: of a site that knows its address, or of a tenant,
 * whose pages are shown by the way to the ports of kernels. Programs say nothing of an origin and are never meant. Pure.
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
