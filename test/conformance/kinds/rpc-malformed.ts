/** Bad input (`cases` whose items have `frames_hex`): what the server answers, and whether it goes on. */

import { methods } from '../../../src/backendai/rpc/methods/index.ts';
import { RpcServer } from '../../../src/backendai/rpc/rpc-server.ts';
import { decodeHeader, encodeHeader, openEnvelope } from '../../../src/backendai/wire/callosum.ts';
import { silentLogger } from '../../../src/lib/log.ts';
import { encodeRequestData } from '../../support/manager-wire.ts';
import { rpcServices } from '../../support/rpc-services.ts';
import { difference } from '../notation/compare.ts';
import { type CaseResult, itemsOf, type JsonObject, type VectorKind } from '../vector-kind.ts';
import { framesOf } from './frames.ts';

const peer = Buffer.from('0000000001', 'hex');
const ping = [
  peer,
  Buffer.from('UPPER'),
  encodeHeader('function', { method: 'ping', orderKey: '', sequence: 4_000_000_000 }),
  encodeRequestData({ args: ['alive'], kwargs: {} }),
];

export const rpcMalformed: VectorKind = {
  name: 'rpc malformed',
  recognises: (document) => itemsOf(document, 'cases')?.every(({ frames_hex }) => Array.isArray(frames_hex)) ?? false,
  run: (document) => Promise.all((itemsOf(document, 'cases') ?? []).map(malformedCase)),
};

async function malformedCase(item: JsonObject): Promise<CaseResult> {
  const id = String(item['name']);
  try {
    return { id, problem: await problemOf(item, id) };
  } catch (error) {
    return { id, problem: String(error) };
  }
}

async function problemOf(item: JsonObject, id: string): Promise<string | null> {
  const sent: (readonly Uint8Array[])[] = [];
  const server = new RpcServer({
    socket: { read: () => Promise.resolve(), send: (message) => void sent.push(message) },
    methods,
    services: rpcServices(),
    log: silentLogger,
  });
  const frames = framesOf(item['frames_hex']);
  server.accept([peer, ...frames]);
  await new Promise((resolve) => setImmediate(resolve));
  const answers = sent.splice(0).map(describeAnswer);
  server.accept(ping);
  await new Promise((resolve) => setImmediate(resolve));
  const alive = sent.map(describeAnswer);
  return (
    wantedProblem(String(item['wanted']), answers, frames, id) ??
    difference(alive, [{ type: 'result', repeated: [] }], 'the answer to a later ping') ??
    (server.openCalls === 0 ? null : 'a call stays open')
  );
}

interface Answer {
  readonly type: string;
  readonly repeated: readonly string[];
}

function describeAnswer(message: readonly Uint8Array[]): Answer {
  const envelope = openEnvelope(message);
  if (!envelope || Buffer.compare(message[0] ?? Buffer.alloc(0), peer) !== 0) return { type: 'astray', repeated: [] };
  const { kind, header, data } = envelope;
  if (kind === 'UPPER') return { type: decodeHeader(header).type, repeated: [] };
  return { type: kind, repeated: [header, data].map((frame) => Buffer.from(frame).toString('hex')) };
}

function wantedProblem(
  wanted: string,
  answers: readonly Answer[],
  frames: readonly Uint8Array[],
  id: string,
): string | null {
  const [answer, ...more] = answers;
  if (more.length > 0) return `there are ${answers.length} answers`;
  if (wanted.startsWith('drop')) return answer ? `it is answered with ${answer.type}` : null;
  if (wanted.includes('PONG')) {
    const repeated = frames.slice(-2).map((frame) => Buffer.from(frame).toString('hex'));
    return difference(answers, [{ type: 'PONG', repeated }], 'answers');
  }
  const allowed = new Set<string | undefined>();
  if (wanted.includes('FAILURE')) allowed.add('failure');
  if (/answer|accept|treat as|decompress|opaque/.test(wanted)) allowed.add('result');
  // Without arguments, `ping` itself has something to say.
  if (wanted.includes('without arguments')) allowed.add('failure').add('result');
  if (/or drop/.test(wanted)) allowed.add(undefined);
  if (allowed.size === 0) return `it is not known what is wanted of ${id}: ${wanted}`;
  return allowed.has(answer?.type) ? null : `it is answered with ${answer?.type ?? 'nothing'}, wanted: ${wanted}`;
}
