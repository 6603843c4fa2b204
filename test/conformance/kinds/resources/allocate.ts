/** `allocate`: steps over several device types. */
import { parseDecimal } from '../../../../src/lib/decimal.ts';
import { AffinityMap, type NumaNode } from '../../../../src/resources/affinity.ts';
import { Allocator, type KernelAllocation } from '../../../../src/resources/allocator.ts';
import { type MapForm, mapOf, policyOf } from './alloc-map.ts';
import { type AllocForm, checkOf, differ, differFromError, type ErrorForm, formatAlloc, plainAlloc } from './case.ts';

type KernelForm = readonly (readonly [string, AllocForm])[];

interface Step {
  readonly op: string;
  readonly slots?: readonly (readonly [string, string])[];
  readonly fragmentation?: boolean;
  readonly from?: number;
  readonly expect?: { readonly result?: KernelForm; readonly error?: ErrorForm };
  readonly after: KernelForm;
}

interface AllocateCase {
  readonly computers: readonly {
    readonly name: string;
    readonly map: MapForm;
    readonly devices: readonly { readonly id: string; readonly numa: NumaNode }[];
  }[];
  readonly alloc_order: readonly string[];
  readonly policy: string;
  readonly steps: readonly Step[];
}

const plain = (form: KernelForm): KernelForm => form.map(([type, alloc]) => [type, plainAlloc(alloc)]);
const format = (allocation: KernelAllocation): KernelForm =>
  [...allocation].map(([type, alloc]) => [type, formatAlloc(alloc)]);

/** Steps, one after the other; the first that differs is the problem. */
export const allocate = checkOf<AllocateCase>((item, mode) => {
  if (item.steps.length === 0) return 'has no steps';
  const maps = new Map(item.computers.map(({ name, map }) => [name, mapOf(map)] as const));
  const allocator = new Allocator({
    maps,
    affinity: new AffinityMap(
      item.computers.flatMap(({ name, devices }) => devices.map((device) => ({ ...device, device: name }))),
    ),
    order: item.alloc_order,
    policy: policyOf(item.policy),
    rule: mode,
  });
  const results: (KernelAllocation | undefined)[] = [];

  const run = (step: Step): string | null => {
    results.push(undefined);
    if (step.op === 'clear') for (const map of maps.values()) map.clear();
    else if (step.op === 'free') allocator.free(results[step.from ?? -1] ?? new Map());
    else if (step.op !== 'allocate') return `unknown op ${step.op}`;
    else {
      let result: KernelAllocation;
      try {
        const slots = new Map((step.slots ?? []).map(([slot, amount]) => [slot, parseDecimal(amount)] as const));
        result = allocator.allocate(slots, step.fragmentation === undefined ? {} : { mayFragment: step.fragmentation });
      } catch (error) {
        return step.expect?.error ? differFromError(error, step.expect.error) : `threw ${String(error)}`;
      }
      results[results.length - 1] = result;
      if (step.expect?.error) return `gave ${JSON.stringify(format(result))}, not ${step.expect.error.class}`;
      return differ('the result', format(result), plain(step.expect?.result ?? []));
    }
    return null;
  };

  for (const [index, step] of item.steps.entries()) {
    const problem = run(step) ?? differ('the maps', format(allocator.allocated()), plain(step.after));
    if (problem !== null) return `step ${index} (${step.op}): ${problem}`;
  }
  return null;
});
