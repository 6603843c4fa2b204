/** Why resources cannot be had: typed facts for programs, and a sentence for people. */
import { describeByteSize } from '../lib/byte-size.ts';
import { type Decimal, plainText } from '../lib/decimal.ts';
import type { ErrorCode } from '../lib/error-codes.ts';
import { type ErrorContext, KerneletError } from '../lib/errors.ts';
import type { SlotType } from './slot-name.ts';

/** What an allocation asks of one slot. */
export interface SlotAsk {
  readonly slot: string;
  readonly amount: Decimal;
  /** Who asks: the device type, in an allocation over several. */
  readonly tag?: string | undefined;
  /** Absent for a slot without devices. */
  readonly type?: SlotType | undefined;
}

/** Why, by kind, with the amounts in question. */
export type ResourceProblem =
  | { readonly kind: 'unknown-slot'; readonly slot: string }
  | { readonly kind: 'exclusive-slots'; readonly slots: readonly [string, string] }
  /** Of one-of-a-kind devices a kernel may have one. */
  | { readonly kind: 'only-one'; readonly slot: string }
  /** `problem` is the sentence: which amount, and what is wrong with it. */
  | { readonly kind: 'invalid-amount'; readonly slot: string; readonly problem: string }
  | {
      readonly kind: 'insufficient';
      /** What kind of map refused. */
      readonly map: 'discrete' | 'fraction';
      /** What there is too little of: in all, or on devices that could still give. */
      readonly lack: 'amount' | 'candidates';
      readonly ask: SlotAsk;
      readonly available: Decimal;
    }
  /** The amount cannot be had from evenly used devices; `candidates` with what is allocated of each. */
  | {
      readonly kind: 'fragmented';
      readonly ask: SlotAsk;
      readonly candidates: readonly (readonly [device: string, allocated: Decimal])[];
    }
  /** The quantum leaves nothing of what is asked for. */
  | { readonly kind: 'below-quantum'; readonly ask: SlotAsk }
  /** A slot of a device type that the node's affinity map lacks; `known` are those that it has. */
  | { readonly kind: 'unknown-device-type'; readonly slot: string; readonly type: string; readonly known: string }
  /** A spread over devices came to no end. */
  | { readonly kind: 'endless-spread' };

const codes: Readonly<Record<ResourceProblem['kind'], ErrorCode>> = {
  'unknown-slot': 'INVALID_ARGUMENT',
  'exclusive-slots': 'INVALID_ARGUMENT',
  'only-one': 'INVALID_ARGUMENT',
  'invalid-amount': 'INVALID_ARGUMENT',
  insufficient: 'INSUFFICIENT_RESOURCES',
  fragmented: 'INSUFFICIENT_RESOURCES',
  'below-quantum': 'INVALID_ARGUMENT',
  'unknown-device-type': 'INVALID_CONFIG',
  'endless-spread': 'INTERNAL',
};

/** An allocation that cannot be; its code follows from the problem. */
export class ResourceError extends KerneletError {
  readonly problem: ResourceProblem;

  constructor(problem: ResourceProblem) {
    super(codes[problem.kind], sentence(problem), { context: contextOf(problem) });
    this.problem = problem;
  }
}

function sentence(problem: ResourceProblem): string {
  switch (problem.kind) {
    case 'unknown-slot':
      return `the node has no slot ${problem.slot}`;
    case 'exclusive-slots':
      return `a kernel cannot have the slots ${problem.slots.join(' and ')} at once`;
    case 'only-one':
      return `a kernel can have 1 of the slot ${problem.slot}, not another amount`;
    case 'invalid-amount':
      return problem.problem;
    case 'insufficient':
      return `not enough ${nameOf(problem.ask.slot)}: ${amountText(problem.ask, problem.ask.amount)} asked for, ${amountText(problem.ask, problem.available)} free`;
    case 'fragmented':
      return `${amountText(problem.ask, problem.ask.amount)} of the slot ${problem.ask.slot} is free on unevenly used devices alone`;
    case 'below-quantum':
      return `${plainText(problem.ask.amount)} of the slot ${problem.ask.slot} is less than the smallest share`;
    case 'unknown-device-type':
      return `no device of the kind ${problem.type}; the node has ${problem.known || 'none'}`;
    case 'endless-spread':
      return 'too many repeats until allocation';
  }
}

function contextOf(problem: ResourceProblem): ErrorContext {
  if (problem.kind === 'insufficient') {
    const { ask, available } = problem;
    return { slot: ask.slot, requested: plainText(ask.amount), available: plainText(available) };
  }
  if ('ask' in problem) return { slot: problem.ask.slot, requested: plainText(problem.ask.amount) };
  return 'slot' in problem ? { slot: problem.slot } : {};
}

const nameOf = (slot: string): string => (slot === 'cpu' ? 'CPUs' : slot === 'mem' ? 'memory' : slot);
const amountText = ({ type }: SlotAsk, amount: Decimal): string =>
  type === 'bytes' ? describeByteSize(amount.toNumber()) : plainText(amount);
