/** Captured handshakes (an array of objects with `dir`) and cancellations (`cancel_messages`). */

import { RpcServer } from '../../../src/backendai/rpc/rpc-server.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { rpcServices } from '../../support/rpc-services.ts';
import { difference } from '../notation/compare.ts';
import { type CaseResult, isObject, itemsOf, type JsonObject, runCase, type VectorKind } from '../vector-kind.ts';
import { framesOf, headerView, readMessage, rewriteDifference } from './frames.ts';
import { signatureProblem } from './rpc-methods.ts';

export const capturedMessages: VectorKind = {
  name: 'captured handshakes and cancellations',
  recognises: (document) =>
    itemsOf(document, 'cancel_messages') !== undefined ||
    (Array.isArray(document) &&
      document.length > 0 &&
      document.every((item) => isObject(item) && 'dir' in item && 'frames_hex' in item)),
  run: (document) => {
    if (Array.isArray(document)) return handshakeCases(document as JsonObject[]);
    const cancels = (itemsOf(document, 'cancel_messages') ?? []).map((item, index) =>
      runCase(`cancel ${index}`, () => cancelProblem(item)),
    );
    const unanswered = (itemsOf(document, 'requests_without_reply') ?? []).map((item, index) =>
      runCase(`unanswered ${index}`, () => {
        const request = readMessage(item['request_frames_hex']);
        return (
          difference(request.header?.method, item['meth'], 'meth') ??
          rewriteDifference(request) ??
          signatureProblem(String(item['meth']), request, null)
        );
      }),
    );
    return [...cancels, ...unanswered];
  },
};

function cancelProblem(item: JsonObject): string | null {
  const message = readMessage(item['frames_hex']);
  return (
    difference(message.header && headerView(message.header), item['header'], 'header') ??
    difference(message.header?.type, 'cancel', 'type') ??
    rewriteDifference(message)
  );
}

/** A message of a manager is answered as the next one of the agent says. */
function handshakeCases(messages: readonly JsonObject[]): CaseResult[] {
  return messages.map((message, index) =>
    runCase(`message ${index}`, () => {
      const frames = framesOf(message['frames_hex']);
      const fromManager = String(message['dir']).startsWith('manager');
      const asked = fromManager ? frames : framesOf(messages[index - 1]?.['frames_hex']);
      const answered = fromManager ? framesOf(messages[index + 1]?.['frames_hex']) : frames;
      const hex = (list: readonly Uint8Array[]): string[] => list.map((frame) => Buffer.from(frame).toString('hex'));
      return difference(hex(answerTo(asked).slice(1)), hex(answered), 'answer');
    }),
  );
}

function answerTo(frames: readonly Uint8Array[]): readonly Uint8Array[] {
  const sent: (readonly Uint8Array[])[] = [];
  const server = new RpcServer({
    socket: { read: () => Promise.resolve(), send: (message) => void sent.push(message) },
    methods: [],
    services: rpcServices(),
    log: silentLogger,
  });
  server.accept([Buffer.from('peer'), ...frames]);
  return sent[0] ?? [];
}
