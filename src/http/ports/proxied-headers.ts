/**
 * Which headers pass between a caller of the API and a server in a kernel, whose answers are a tenant's. Of a request the server
 * sees neither what proves to this API, or to a gate before it, who asks (`Authorization`, `Cookie`), nor what is meant for one
 * connection alone. Of an answer nothing passes that would hold beyond it for the origin of the API. Pure.
 */

/** As Node has them, and takes them: name, value, name, value. */
export type RawHeaders = readonly string[];

/** The way to a port of a kernel, as the caller has named it. */
export interface ProxiedPlace {
  readonly port: number;
  /** What stands in the address before the path that the server gets, without the slash: `/v1/kernels/web/ports/80`. */
  readonly prefix: string;
}

/** Of one connection alone (RFC 9110, 7.6.1). */
const hopByHop = [
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade', 'http2-settings'],
];

const ofRequestsOnly = new Set([
  ...hopByHop,
  ...['authorization', 'cookie', 'host', 'origin', 'forwarded', 'content-length'],
  // Tokens by which gates say who asks.
  ...['x-forwarded-access-token', 'x-auth-request-access-token', 'x-amzn-oidc-accesstoken', 'x-amzn-oidc-data'],
  ...['cf-access-jwt-assertion', 'x-goog-iap-jwt-assertion', 'x-pomerium-jwt-assertion'],
  // It has been answered.
  'expect',
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-prefix', 'x-forwarded-port'],
]);

const ofAnswersOnly = new Set([
  ...hopByHop,
  ...['set-cookie', 'set-cookie2', 'clear-site-data', 'service-worker-allowed', 'www-authenticate', 'set-login'],
  ...['authentication-info', 'strict-transport-security', 'public-key-pins', 'expect-ct', 'alt-svc', 'alt-used'],
  ...[
    'nel',
    'report-to',
    'reporting-endpoints',
    'accept-ch',
    'critical-ch',
    'origin-agent-cluster',
    'use-as-dictionary',
  ],
  'location',
]);

/** No page of a tenant is of the API's origin, whatever it is shown as: what it asks of the API comes from a foreign one. */
const sandbox = 'sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts';

/** The name by which the server is asked: what development servers and notebooks take. */
export const hostOf = ({ port }: ProxiedPlace): string => `localhost:${port}`;

/** What the server gets; `upgrade`: the protocol that is asked for, null for a plain request. */
export function requestHeaders(raw: RawHeaders, place: ProxiedPlace, upgrade: string | null): string[] {
  const pairs = pairsOf(raw);
  const dropped = connectionNames(pairs);
  const passed = pairs.filter(([name]) => !ofRequestsOnly.has(name) && !dropped.has(name));
  const given = (name: string): string | undefined => pairs.find(([known]) => known === name)?.[1];
  const host = given('host');
  // A gate may add a line of its own behind the caller's.
  const forwardedFor = pairs.flatMap(([name, value]) => (name === 'x-forwarded-for' ? [value] : []));
  const length = given('content-length');
  const bodyHeaders = [
    ...(length === undefined ? [] : ['Content-Length', length]),
    ...(given('transfer-encoding') === undefined ? [] : ['Transfer-Encoding', 'chunked']),
  ];
  return [
    ...['Host', hostOf(place)],
    ...passed.flatMap(([, value, name]) => [name, value]),
    // Only a page of the API's own origin gets so far; servers compare it with the host.
    ...(given('origin') === undefined ? [] : ['Origin', `http://${hostOf(place)}`]),
    ...(forwardedFor.length === 0 ? [] : ['X-Forwarded-For', forwardedFor.join(', ')]),
    ...(host === undefined ? [] : ['X-Forwarded-Host', given('x-forwarded-host') ?? host]),
    ...['X-Forwarded-Proto', given('x-forwarded-proto') ?? 'http'],
    ...['X-Forwarded-Prefix', `${given('x-forwarded-prefix') ?? ''}${place.prefix}`],
    ...(upgrade === null ? [...bodyHeaders, 'Connection', 'close'] : ['Connection', 'Upgrade', 'Upgrade', upgrade]),
  ];
}

/** What the caller gets; `upgrade`: the protocol that the server goes on with, null for a plain answer. */
export function answerHeaders(raw: RawHeaders, place: ProxiedPlace, upgrade: string | null): string[] {
  const pairs = pairsOf(raw);
  const dropped = connectionNames(pairs);
  const passed = pairs.filter(
    ([name]) => !ofAnswersOnly.has(name) && !dropped.has(name) && !name.startsWith('x-kernelet-'),
  );
  const location = pairs.find(([name]) => name === 'location')?.[1];
  return [
    ...passed.flatMap(([, value, name]) => [name, value]),
    ...(location === undefined ? [] : ['Location', locationOf(location, place)]),
    ...(upgrade === null ? ['Content-Security-Policy', sandbox] : ['Connection', 'Upgrade', 'Upgrade', upgrade]),
  ];
}

/** Where the server sends somebody, as the caller has to ask for it: a path of the server's is one behind the prefix. */
function locationOf(location: string, place: ProxiedPlace): string {
  const own = [`http://${hostOf(place)}`, `https://${hostOf(place)}`].find((origin) =>
    location.startsWith(`${origin}/`),
  );
  const path = own === undefined ? location : location.slice(own.length);
  return /^\/(?![/\\])/.test(path) ? `${place.prefix}${path}` : location;
}

/** Headers that the sender has named as those of this connection alone. */
const connectionNames = (pairs: readonly Pair[]): ReadonlySet<string> =>
  new Set(
    pairs
      .filter(([name]) => name === 'connection')
      .flatMap(([, value]) => value.split(',').map((name) => name.trim().toLowerCase())),
  );

/** By the name in lower case, with the name as it was written at the end. */
type Pair = readonly [name: string, value: string, written: string];

function pairsOf(raw: RawHeaders): readonly Pair[] {
  return Array.from({ length: Math.floor(raw.length / 2) }, (_, index) => {
    const written = raw[2 * index] ?? '';
    return [written.toLowerCase(), raw[2 * index + 1] ?? '', written] as const;
  });
}
