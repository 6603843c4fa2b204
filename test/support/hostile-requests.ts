/** Requests to an API of which the OpenAPI document alone is known: right ones, nearly right ones, and such as nobody sends. */
import fc from 'fast-check';
import { corrupted } from './corrupted-documents.ts';
import { type Definitions, type Schema, valuesOf } from './json-schema-arbitrary.ts';

/** One operation of a document. */
export interface DocumentedOperation {
  readonly method: string;
  readonly path: string;
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query' | 'header';
    readonly required?: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

/** A request as it goes out. */
export interface HostileRequest {
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
  /** `cut`: fewer bytes than announced, then the end; `broken`: not HTTP; both may be answered with nothing. */
  readonly framing: 'length' | 'chunked' | 'cut' | 'broken';
}

/** The bytes of a request, on a connection that is closed behind it. */
export function encodeRequest(method: string, { target, headers, body, framing }: HostileRequest): Uint8Array {
  const lines = [`${method.toUpperCase()} ${target} HTTP/1.1`, 'Host: localhost', 'Connection: close'];
  lines.push(...headers.map(([name, value]) => `${name}: ${value}`));
  const bytes = body ?? new Uint8Array(0);
  if (framing === 'chunked') lines.push('Transfer-Encoding: chunked');
  else if (framing === 'cut') lines.push(`Content-Length: ${bytes.length + 1_000}`);
  else if (framing === 'broken') lines.push('Content-Length: 3', 'Content-Length: 5');
  else if (body !== null) lines.push(`Content-Length: ${bytes.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  if (framing !== 'chunked') return Buffer.concat([head, bytes]);
  const half = bytes.length >> 1;
  const chunk = (part: Uint8Array) =>
    part.length === 0
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]);
  return Buffer.concat([head, chunk(bytes.subarray(0, half)), chunk(bytes.subarray(half)), Buffer.from('0\r\n\r\n')]);
}

const oddTexts = fc.oneof(
  fc.constantFrom(
    '',
    '.',
    '..',
    '%',
    '%zz',
    '%00',
    '%2e%2e',
    '%2F%2F',
    '%ff%fe',
    '%c0%ae',
    '-1',
    '1e999',
    'null',
    '__proto__',
  ),
  fc.constantFrom('a'.repeat(300), '9'.repeat(400), 'a'.repeat(9_000)),
  fc
    .uint8Array({ maxLength: 12 })
    .map((bytes) => [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')),
  fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

/** Parts of an address that exist, by the name of their parameter. */
export type KnownValues = Readonly<Record<string, readonly string[]>>;

/** Requests for this operation. `known` are tried more often than what the document allows besides. */
export function requestsFor(
  operation: DocumentedOperation,
  definitions: Definitions,
  known: KnownValues,
): fc.Arbitrary<HostileRequest> {
  const parameters = operation.parameters ?? [];
  const encoded = (name: string, schema: Schema): fc.Arbitrary<string> => {
    const right = valuesOf(schema, definitions).map((value) => encodeURIComponent(String(value).toWellFormed()));
    const there = known[name]?.map(encodeURIComponent);
    const usual = there ? fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...there) }, right) : right;
    return fc.oneof({ weight: 5, arbitrary: usual }, { weight: 1, arbitrary: oddTexts });
  };
  const ofPlace = (place: 'path' | 'query') => parameters.filter((parameter) => parameter.in === place);
  const path = fc
    .record(Object.fromEntries(ofPlace('path').map(({ name, schema }) => [name, encoded(name, schema)])))
    .map((values) => operation.path.replaceAll(/\{([a-z]+)\}/g, (_, name: string) => String(values[name])));
  return fc
    .record({
      path,
      query: queries(
        ofPlace('query').map(({ name, required, schema }) => ({ name, required, value: encoded(name, schema) })),
      ),
      headers: headersFor(operation),
      body: bodyFor(operation, definitions),
      framing: fc.oneof(
        { weight: 12, arbitrary: fc.constant('length' as const) },
        { weight: 3, arbitrary: fc.constant('chunked' as const) },
        { weight: 1, arbitrary: fc.constantFrom('cut' as const, 'broken' as const) },
      ),
    })
    .map(({ path: way, query, headers, body, framing }) => ({
      target: query === '' ? way : `${way}?${query}`,
      headers: [...headers, ...(body?.headers ?? [])],
      body: body?.bytes ?? null,
      framing: body === null && framing === 'chunked' ? 'length' : framing,
    }));
}

interface QueryParameter {
  readonly name: string;
  readonly required: boolean | undefined;
  readonly value: fc.Arbitrary<string>;
}

/** Mostly what is asked for; sometimes with more, less, or something twice. */
function queries(parameters: readonly QueryParameter[]): fc.Arbitrary<string> {
  const pairs = parameters.map(({ name, required, value }) =>
    fc
      .tuple(value, fc.integer({ min: 0, max: 9 }))
      .map(([text, die]) =>
        die < (required ? 1 : 5) ? [] : die === 9 ? [`${name}=${text}`, `${name}=${text}`] : [`${name}=${text}`],
      ),
  );
  const surplus = fc.oneof(
    { weight: 8, arbitrary: fc.constant<string[]>([]) },
    { weight: 1, arbitrary: fc.tuple(oddTexts, oddTexts).map(([name, value]) => [`${name}=${value}`]) },
    { weight: 1, arbitrary: fc.constantFrom(['&&='], ['__proto__=1'], ['force'], ['a[]=1']) },
  );
  return fc.tuple(...pairs, surplus).map((parts) => parts.flat().join('&'));
}

function headersFor(operation: DocumentedOperation): fc.Arbitrary<(readonly [string, string])[]> {
  const types = Object.values(operation.responses).flatMap(({ content }) => Object.keys(content ?? {}));
  const accept = fc.constantFrom('*/*', 'text/html;q=0.1', '', ...types).map((type) => ['Accept', type] as const);
  const position = fc
    .constantFrom('0', '3', '', '-1', '1e3', '9'.repeat(15), '9'.repeat(99), 'a, 1')
    .map((id) => ['Last-Event-ID', id] as const);
  const odd = fc.constantFrom<readonly [string, string]>(
    ['Content-Encoding', 'gzip'],
    ['Content-Type', 'application/json, text/plain'],
    ['X-Long', 'x'.repeat(20_000)],
    ['X-HTTP-Method-Override', 'DELETE'],
    ['Range', 'bytes=0-1'],
    ['If-None-Match', '*'],
    ['Expect', '100-continue'],
    ['Accept', 'text/event-stream, text/event-stream'],
    ['Cookie', '\u00ff\u00fe'],
  );
  return fc.array(fc.oneof({ weight: 4, arbitrary: accept }, { weight: 2, arbitrary: position }, odd), {
    maxLength: 4,
  });
}

interface Body {
  readonly bytes: Uint8Array;
  readonly headers: readonly (readonly [string, string])[];
}

function bodyFor(operation: DocumentedOperation, definitions: Definitions): fc.Arbitrary<Body | null> {
  const content = Object.entries(operation.requestBody?.content ?? {});
  const [type, media] = content[0] ?? [];
  const usual = type === undefined ? [] : [['Content-Type', type] as const];
  const withType = (bytes: Uint8Array): Body => ({ bytes, headers: usual });
  const raw = fc.uint8Array({ maxLength: 2_000 }).map(withType);
  if (!media || type === undefined) return fc.oneof({ weight: 4, arbitrary: fc.constant(null) }, raw);
  if (type !== 'application/json')
    return fc.oneof({ weight: 1, arbitrary: fc.constant(null) }, { weight: 4, arbitrary: raw });
  const right = valuesOf(media.schema, definitions);
  const json = (value: unknown): Body => withType(Buffer.from(JSON.stringify(value) ?? ''));
  const near = right.chain((value) => corrupted([value]));
  const more = fc.tuple(right, fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 2 }));
  const odd = fc
    .tuple(
      right,
      fc.constantFrom('utf-16', 'latin1', 'half', 'twice', 'mark', 'deep', 'huge', 'nan', 'type', 'empty', 'long'),
    )
    .map(([value, how]) => oddJson(JSON.stringify(value) ?? '', how));
  return fc.oneof(
    { weight: 6, arbitrary: right.map(json) },
    { weight: 6, arbitrary: near.map(json) },
    { weight: 1, arbitrary: more.map(([value, rest]) => json({ ...(value as object), ...rest })) },
    { weight: 3, arbitrary: odd },
    { weight: 1, arbitrary: raw },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

function oddJson(text: string, how: string): Body {
  const headers = [
    ['Content-Type', how === 'type' ? 'text/plain; charset=utf-7' : 'application/json; charset=utf-8'] as const,
  ];
  const of = (bytes: string | Uint8Array): Body => ({ bytes: Buffer.from(bytes), headers });
  switch (how) {
    case 'utf-16':
      return of(Buffer.from(text, 'utf16le'));
    case 'latin1':
      return of(Buffer.from(`${text.slice(0, -1)}\u00ff`, 'latin1'));
    case 'half':
      return of(text.slice(0, text.length >> 1));
    case 'twice':
      return of(`${text}${text}`);
    case 'mark':
      return of(`\ufeff${text}`);
    case 'deep':
      return of(`${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    case 'huge':
      return of(text.replaceAll(/\d+/g, '1e999'));
    case 'nan':
      return of(text.replaceAll(/\d+/g, 'NaN'));
    case 'empty':
      return of('');
    case 'long':
      return of(`{"x":"${'x'.repeat(4 * 1024 * 1024)}"}`);
    default:
      return of(text);
  }
}
