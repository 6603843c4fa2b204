/** `alloc_map`: steps on one allocation map. */
import { Decimal, parseDecimal, plainText } from '../../../../src/lib/decimal.ts';
import {
  type AffinityHint,
  AffinityMap,
  type AffinityPolicy,
  type DeviceReference,
  type PlacedDevice,
} from '../../../../src/resources/affinity.ts';
import type { Allocation } from '../../../../src/resources/allocation.ts';
import { AllocationMap } from '../../../../src/resources/allocation-map.ts';
import { deviceOfSlot, type SlotType } from '../../../../src/resources/slot-name.ts';
import { type Pair, reference } from './affinity.ts';
import {
  type AllocForm,
  checkOf,
  differ,
  differFromError,
  type ErrorForm,
  formatAlloc,
  type Mode,
  parseAlloc,
  plainAlloc,
} from './case.ts';

/** A map as vectors have it. */
export interface MapForm {
  readonly type: 'discrete' | 'fraction';
  readonly strategy: 'fill' | 'evenly';
  readonly quantum?: string;
  readonly exclusive?: readonly string[];
  readonly devices: readonly {
    readonly id: string;
    readonly slot: string;
    readonly type: SlotType;
    readonly amount: string;
  }[];
}

interface HintForm {
  readonly devices: readonly Pair[] | null;
  readonly policy: 'INTERLEAVED' | 'PREFER_SINGLE_NODE';
}

interface Step {
  readonly op: string;
  readonly slots?: readonly Pair[];
  readonly slot?: string;
  readonly tag?: string;
  readonly min_memory?: string;
  readonly fragmentation?: boolean;
  readonly hint?: HintForm | string | null;
  readonly from?: number;
  readonly alloc?: AllocForm | readonly Pair[];
  readonly to?: MapForm['strategy'];
  readonly name?: string;
  readonly times?: number;
  readonly step?: Step;
  readonly expect?: { readonly result?: AllocForm; readonly order?: readonly Pair[]; readonly error?: ErrorForm };
  readonly after?: AllocForm;
}

interface AllocMapCase {
  readonly map: MapForm;
  readonly devices?: readonly PlacedDevice[];
  readonly hints?: Readonly<Record<string, HintForm>>;
  readonly steps: readonly Step[];
}

export function mapOf(form: MapForm, strategy = form.strategy): AllocationMap {
  return new AllocationMap({
    kind: form.type,
    strategy,
    devices: form.devices.map((device) => ({ ...device, amount: parseDecimal(device.amount) })),
    ...(form.quantum === undefined ? {} : { quantum: new Decimal(form.quantum) }),
    ...(form.exclusive === undefined ? {} : { exclusive: form.exclusive }),
  });
}

/** A policy in our words. Throws for an unknown one. */
export function policyOf(name: string): AffinityPolicy {
  if (name === 'INTERLEAVED') return 'interleaved';
  if (name === 'PREFER_SINGLE_NODE') return 'prefer-single-node';
  throw new Error(`unknown policy ${name}`);
}

/** Runs the steps of one case. */
class Steps {
  readonly #form: MapForm;
  readonly #affinity: AffinityMap;
  readonly #hints = new Map<string, AffinityHint>();
  readonly #mode: Mode;
  readonly #results: (Allocation | undefined)[] = [];
  #map: AllocationMap;

  constructor(item: AllocMapCase, mode: Mode) {
    this.#form = item.map;
    this.#mode = mode;
    this.#map = mapOf(item.map);
    this.#affinity = new AffinityMap(item.devices ?? []);
    for (const [name, hint] of Object.entries(item.hints ?? {})) this.#hints.set(name, this.#hint(hint));
  }

  run(step: Step): string | null {
    this.#results.push(undefined);
    return this.#runOnce(step);
  }

  #runOnce(step: Step): string | null {
    const problem = this.#do(step);
    if (problem !== null || step.after === undefined) return problem;
    return differ('the map', formatAlloc(this.#map.allocated()), plainAlloc(step.after));
  }

  #do(step: Step): string | null {
    switch (step.op) {
      case 'allocate':
        return this.#allocate(step);
      case 'free':
        this.#map.free(step.from === undefined ? parseAlloc(step.alloc as AllocForm) : this.#result(step.from));
        return null;
      case 'apply':
        this.#map.apply(parseAlloc(step.alloc as AllocForm));
        return null;
      case 'set':
        this.#overwrite(parseAlloc(step.alloc as AllocForm));
        return null;
      case 'clear':
        this.#map.clear();
        return null;
      case 'strategy':
        this.#switchTo(step.to);
        return null;
      case 'hint':
        this.#setHint(step.name ?? '', step.alloc as readonly Pair[]);
        return null;
      case 'order': {
        const order = this.#map
          .order(step.slot ?? '', this.#hintOf(step))
          .map(({ id, allocated }) => [id, plainText(allocated)]);
        return differ('the order', order, step.expect?.order);
      }
      case 'repeat':
        return this.#repeat(step);
      default:
        return `unknown op ${step.op}`;
    }
  }

  #allocate(step: Step): string | null {
    let result: Allocation;
    try {
      result = this.#map.allocate({
        slots: (step.slots ?? []).map(([slot, amount]) => [slot, parseDecimal(amount)] as const),
        hint: this.#hintOf(step),
        tag: step.tag,
        ...(step.min_memory === undefined ? {} : { leastUseful: parseDecimal(step.min_memory) }),
        ...(step.fragmentation === undefined ? {} : { mayFragment: step.fragmentation }),
      });
    } catch (error) {
      if (!step.expect?.error) return `threw ${String(error)}`;
      return differFromError(error, step.expect.error);
    }
    this.#results[this.#results.length - 1] = result;
    if (typeof step.hint === 'string') {
      const [slot, amounts] = [...result].at(-1) ?? [];
      if (slot !== undefined && amounts) {
        this.#setHint(
          step.hint,
          [...amounts].map(([id, amount]) => [id, plainText(amount)]),
          slot,
        );
      }
    }
    if (step.expect === undefined) return null;
    if (step.expect.error) return `gave ${JSON.stringify(formatAlloc(result))}, not ${step.expect.error.class}`;
    return differ('the result', formatAlloc(result), plainAlloc(step.expect.result ?? []));
  }

  #result(index: number): Allocation {
    const result = this.#results[index];
    if (!result) throw new Error(`step ${index} has no result`);
    return result;
  }

  /** Only the named entries change. */
  #overwrite(alloc: Allocation): void {
    const now = this.#map.allocated();
    this.#map.free(
      new Map(
        [...alloc].map(([slot, amounts]) => [
          slot,
          new Map([...amounts.keys()].map((id) => [id, now.get(slot)?.get(id) ?? new Decimal(0)] as const)),
        ]),
      ),
    );
    this.#map.apply(alloc);
  }

  #switchTo(strategy: MapForm['strategy'] | undefined): void {
    const allocated = this.#map.allocated();
    this.#map = mapOf(this.#form, strategy);
    this.#map.apply(allocated);
  }

  #repeat(step: Step): string | null {
    if (!step.step || !step.times) return 'repeats nothing';
    for (let time = 0; time < step.times; time += 1) {
      const problem = this.#runOnce(step.step);
      if (problem !== null) return `time ${time}: ${problem}`;
    }
    return null;
  }

  #setHint(name: string, alloc: readonly Pair[], slot?: string): void {
    const hint = this.#hints.get(name);
    if (!hint) throw new Error(`no hint ${name}`);
    const kindOf = (id: string): string =>
      deviceOfSlot(slot ?? this.#form.devices.find((device) => device.id === id)?.slot ?? '');
    const devices = alloc
      .filter(([, amount]) => parseDecimal(amount).gt(0))
      .map(([id]): DeviceReference => ({ device: kindOf(id), id }));
    this.#hints.set(name, { ...hint, devices });
  }

  #hintOf({ hint }: Step): AffinityHint | undefined {
    if (hint === null || hint === undefined) return undefined;
    return typeof hint === 'string' ? this.#hints.get(hint) : this.#hint(hint);
  }

  #hint({ devices, policy }: HintForm): AffinityHint {
    return {
      devices: (devices ?? []).map(reference),
      affinity: this.#affinity,
      policy: policyOf(policy),
      rule: this.#mode,
    };
  }
}

/** Steps, one after the other; the first that differs is the problem. */
export const allocMap = checkOf<AllocMapCase>((item, mode) => {
  if (item.steps.length === 0) return 'has no steps';
  const steps = new Steps(item, mode);
  for (const [index, step] of item.steps.entries()) {
    const problem = steps.run(step);
    if (problem !== null) return `step ${index} (${step.op}): ${problem}`;
  }
  return null;
});
