/**
 * The errors of allocation. Their texts and class names are those that the manager's users see
 * (spec resources-and-stats 7.7): the class name stands in `context.class`, for the door that maps it.
 */
import { type Decimal, plainText } from '../lib/decimal.ts';
import type { ErrorCode } from '../lib/error-codes.ts';
import { KerneletError } from '../lib/errors.ts';

/** The manager's names of the errors. */
export type ResourceErrorClass =
  | 'UnsupportedResource'
  | 'InvalidResourceCombination'
  | 'InvalidResourceArgument'
  | 'NotMultipleOfQuantum'
  | 'InsufficientResource'
  | 'FractionalResourceFragmented'
  | 'ConfigurationError'
  | 'ResourceError';

const codes: Readonly<Record<ResourceErrorClass, ErrorCode>> = {
  UnsupportedResource: 'INVALID_ARGUMENT',
  InvalidResourceCombination: 'INVALID_ARGUMENT',
  InvalidResourceArgument: 'INVALID_ARGUMENT',
  NotMultipleOfQuantum: 'INVALID_ARGUMENT',
  InsufficientResource: 'INSUFFICIENT_RESOURCES',
  FractionalResourceFragmented: 'INSUFFICIENT_RESOURCES',
  ConfigurationError: 'INVALID_CONFIG',
  ResourceError: 'INTERNAL',
};

/** An error of allocation. */
export const resourceError = (
  kind: ResourceErrorClass,
  message: string,
  context: Readonly<Record<string, string>> = {},
): KerneletError => new KerneletError(codes[kind], message, { context: { class: kind, ...context } });

/** What an allocation asks of one slot, as error texts name it. */
export interface SlotAsk {
  readonly slot: string;
  readonly amount: Decimal;
  /** Who asks: the device type, in an allocation over several. */
  readonly tag?: string | undefined;
}

const place = ({ slot, tag }: SlotAsk): string => (tag === undefined ? slot : `${slot} (tag: '${tag}')`);

/** There is less than what is asked for. `text` begins with the kind of map. */
export function insufficient(text: string, ask: SlotAsk, total: Decimal): KerneletError {
  const [requested, available] = [plainText(ask.amount), plainText(total)];
  return resourceError(
    'InsufficientResource',
    `InsufficientResource: ${text} (${place(ask)}, allocating ${requested} out of ${available})`,
    { slot: ask.slot, requested, available },
  );
}

/** The amount cannot be had from evenly used devices. */
export function fragmented(ask: SlotAsk, candidates: readonly (readonly [string, Decimal])[]): KerneletError {
  const list = candidates.map(([device, allocated]) => `('${device}', ${plainText(allocated)})`).join(', ');
  return resourceError(
    'FractionalResourceFragmented',
    `FractionalResourceFragmented: FractionAllocMap: refusing to create kernel with fractional resource fragmented! (${place(ask)}, allocating ${plainText(ask.amount)} from [${list}])`,
    { slot: ask.slot, requested: plainText(ask.amount) },
  );
}

/** The quantum leaves nothing of what is asked for. */
export const belowQuantum = (ask: SlotAsk): KerneletError =>
  resourceError(
    'NotMultipleOfQuantum',
    `Requested resource amount for ${ask.slot} is ${plainText(ask.amount)} but actual calculated amount is zero. This can happen if user requests resource amount smaller than target device's quantum size.`,
    { slot: ask.slot, requested: plainText(ask.amount) },
  );
