/** The class and the text under which managers, and their users, know an error of resources (spec resources-and-stats 7.7). */
import { type Decimal, plainText } from '../../lib/decimal.ts';
import type { ResourceError, ResourceProblem, SlotAsk } from '../../resources/resource-error.ts';

/** The classes, of which some are managers' own alone: a caller gets the class of the error's code instead. */
const classes = {
  'unknown-slot': 'UnsupportedResource',
  'exclusive-slots': 'InvalidResourceCombination',
  'only-one': 'InvalidResourceArgument',
  'invalid-amount': 'InvalidResourceArgument',
  insufficient: 'InsufficientResource',
  fragmented: 'FractionalResourceFragmented',
  'below-quantum': 'NotMultipleOfQuantum',
  'unknown-device-type': 'ConfigurationError',
  'endless-spread': 'ResourceError',
} as const satisfies Readonly<Record<ResourceProblem['kind'], string>>;

const maps = { discrete: 'DiscretePropertyAllocMap', fraction: 'FractionAllocMap' } as const;
const lacks = { amount: 'amount', candidates: 'candidate devices' } as const;

/** The class name of an error. */
export const resourceClass = ({ problem }: ResourceError): (typeof classes)[ResourceProblem['kind']] =>
  classes[problem.kind];

/** The text of an error; managers put it into the data of a session's status. */
export function resourceText({ problem, message }: ResourceError): string {
  switch (problem.kind) {
    case 'unknown-slot':
      return problem.slot;
    case 'exclusive-slots':
      return `Slots ${problem.slots.join(' and ')} cannot be allocated at the same time.`;
    case 'only-one':
      return `You may allocate only 1 for the unique-type slot ${problem.slot}`;
    case 'insufficient': {
      const { map, lack, ask, available } = problem;
      return `InsufficientResource: ${maps[map]}: insufficient allocatable ${lacks[lack]}! (${tagged(ask)}, allocating ${plainText(ask.amount)} out of ${plainText(available)})`;
    }
    case 'fragmented': {
      const { ask, candidates } = problem;
      return `FractionalResourceFragmented: FractionAllocMap: refusing to create kernel with fractional resource fragmented! (${tagged(ask)}, allocating ${plainText(ask.amount)} from [${candidates.map(pair).join(', ')}])`;
    }
    case 'below-quantum':
      return `Requested resource amount for ${problem.ask.slot} is ${plainText(problem.ask.amount)} but actual calculated amount is zero. This can happen if user requests resource amount smaller than target device's quantum size.`;
    default:
      return message;
  }
}

const tagged = ({ slot, tag }: SlotAsk): string => (tag === undefined ? slot : `${slot} (tag: '${tag}')`);
const pair = ([device, allocated]: readonly [string, Decimal]): string => `('${device}', ${plainText(allocated)})`;
