/**
 * A short stand-in for a request, to tell whether one that comes again is the same. It protects nobody: whoever can
 * send requests may run anything anyway. (`node:crypto` would cost every kernel a megabyte.)
 */
import type { ExecuteRequest } from '../protocol/execute-request.ts';

/** Equal for equal requests; different ones differ in all but one of 2^64 cases. */
export function fingerprint(request: ExecuteRequest): string {
  const text = JSON.stringify(request);
  let first = 0x9e3779b1;
  let second = 0x85ebca6b;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0xc2b2ae35) ^ (second >>> 15);
  }
  return `${text.length}-${(first >>> 0).toString(16)}-${(second >>> 0).toString(16)}`;
}
