/** Captured calls: an array of objects with `request_frames_hex`. */
import { isFailureName, RpcFailure } from '../../../src/backendai/rpc/rpc-failure.ts';
import { decodePlain } from '../../../src/backendai/wire/extension.ts';
import { decodeFailure } from '../../support/manager-wire.ts';
import { capturedView } from '../notation/captured.ts';
import { difference } from '../notation/compare.ts';
import { isObject, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { headerView, type ReadMessage, readMessage, rewriteDifference } from './frames.ts';
import { signatureProblem } from './rpc-methods.ts';

export const capturedExchange: VectorKind = {
  name: 'captured exchanges',
  recognises: (document) =>
    Array.isArray(document) &&
    document.length > 0 &&
    document.every((item) => isObject(item) && 'request_frames_hex' in item),
  run: (document) =>
    (document as readonly JsonObject[]).map((exchange, index) =>
      runCase(`exchange ${index}`, () => exchangeProblem(exchange)),
    ),
};

function exchangeProblem(exchange: JsonObject): string | null {
  const request = readMessage(exchange['request_frames_hex']);
  const reply = readMessage(exchange['reply_frames_hex']);
  return (
    viewProblem(request, exchange['request'], 'request') ??
    viewProblem(reply, exchange['reply'], 'reply') ??
    rewriteDifference(request) ??
    rewriteDifference(reply) ??
    judge(request, reply)
  );
}

function viewProblem({ header, data }: ReadMessage, wanted: unknown, what: string): string | null {
  if (!header || !data || !isObject(wanted)) return `the ${what} has no view`;
  const meta = data.meta.length === 0 ? null : capturedView(data.meta);
  const body = data.body === null ? null : capturedView(data.body);
  const hasBytes = data.body !== null && data.body.length > 0;
  return (
    difference(headerView(header), wanted['header'], `${what}.header`) ??
    difference(meta, wanted['meta'] ?? null, `${what}.meta`) ??
    difference(hasBytes ? body : null, wanted['body'] ?? null, `${what}.body`)
  );
}

function judge(request: ReadMessage, reply: ReadMessage): string | null {
  const method = request.header?.method ?? '';
  const sameIdentity = difference(
    { ...(reply.header && headerView(reply.header)), type: 0 },
    { ...(request.header && headerView(request.header)), type: 0 },
    'identity of the reply',
  );
  if (sameIdentity) return sameIdentity;
  switch (reply.header?.type) {
    case 'result':
      return signatureProblem(method, request, reply);
    case 'cancelled':
      return signatureProblem(method, request, null);
    case 'failure':
      return failureProblem(method, request, decodeFailure(reply.data?.meta ?? new Uint8Array(0))[0]);
    default:
      return `a reply of type ${reply.header?.type ?? 'none'} is not expected`;
  }
}

/** With a TypeError the signature refuses the request too; every other class is one that we may send. */
function failureProblem(method: string, request: ReadMessage, className: string): string | null {
  if (className !== 'TypeError') {
    decodePlain(request.data?.body ?? new Uint8Array(0));
    return isFailureName(className) ? null : `the class ${className} is not in the table of errors`;
  }
  try {
    signatureProblem(method, request, null);
  } catch (error) {
    return error instanceof RpcFailure && error.className === 'TypeError'
      ? null
      : `refused otherwise: ${String(error)}`;
  }
  return 'the signature takes the request';
}
