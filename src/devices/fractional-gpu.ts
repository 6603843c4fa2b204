/** How a share of a GPU translates into its memory and processors (spec resources-and-stats 15.3, 15.4). */
import { cut, Decimal, floorTo, min, parseDecimal } from '../lib/decimal.ts';
import { KerneletError } from '../lib/errors.ts';
import { parseFiniteBinarySize } from '../resources/binary-size.ts';

/** What one share stands for. */
export interface ShareUnit {
  readonly unitMemory: Decimal;
  readonly unitProcessors: number;
}

const grid = new Decimal('0.01');
const minProcessors = 4;

/** How many shares a device makes, in hundredths; by its memory alone where its processors are unknown, 0. */
export function sharesOf(memoryBytes: Decimal, processors: number, unit: ShareUnit): Decimal {
  const byMemory = memoryBytes.div(unit.unitMemory);
  return floorTo(processors > 0 ? min(byMemory, new Decimal(processors).div(unit.unitProcessors)) : byMemory, grid);
}

/** What a kernel with a share may use. */
export const limitsOf = (
  share: Decimal,
  unit: ShareUnit,
): { readonly memoryBytes: Decimal; readonly processors: number } => ({
  memoryBytes: cut(share.times(unit.unitMemory)),
  processors: Math.max(minProcessors, cut(share.times(unit.unitProcessors)).toNumber()),
});

/** How GPUs are shared out, from the operator's options of the plugin. */
export interface ShareOptions {
  /** Null for one that there isn't: the plugin is off. */
  readonly mode: 'discrete' | 'fractional' | null;
  readonly unitMemory: Decimal;
  readonly unitProcessors: number;
  readonly reservedMemory: Decimal;
  readonly quantum: Decimal;
  /** Devices, by index or id, that are kept back. */
  readonly mask: ReadonlySet<string>;
}

const smallestUnitMemory = 512 * 2 ** 20;
const smallestUnitProcessors = 2;
const defaultUnitMemory = new Decimal(2 * 2 ** 30);

/** Reads the options, which are texts. Throws INVALID_CONFIG. */
export function readShareOptions(key: string, options: Readonly<Record<string, string>>): ShareOptions {
  const mode = options['allocation_mode'] ?? 'discrete';
  const { unit_mem: unit } = options;
  const unitMemory = unit === undefined ? defaultUnitMemory : parseFiniteBinarySize(unit);
  const unitProcessors = parseDecimal(options['unit_proc'] ?? '8', 'unit_proc').toNumber();
  const invalid = (problem: string, name: string): KerneletError =>
    new KerneletError('INVALID_CONFIG', `${key} plugin: ${problem}`, { context: { key, name } });
  if (unitMemory.lt(smallestUnitMemory)) throw invalid('too small unit_mem', 'unit_mem');
  if (!(unitProcessors >= smallestUnitProcessors)) throw invalid('too small unit_proc', 'unit_proc');
  if (!Number.isFinite(unitProcessors)) throw invalid('unit_proc must have an end', 'unit_proc');
  const reservedMemory = parseFiniteBinarySize(options['reserved_memory'] ?? '64m');
  if (reservedMemory.lt(0)) throw invalid('reserved_memory must not be below 0', 'reserved_memory');
  const quantum = parseDecimal(options['quantum_size'] ?? '0.1', 'quantum_size');
  if (!quantum.isFinite() || !quantum.gt(0)) throw invalid('quantum_size must be above 0', 'quantum_size');
  return {
    mode: mode === 'discrete' || mode === 'fractional' ? mode : null,
    unitMemory,
    unitProcessors,
    reservedMemory,
    quantum,
    mask: new Set((options['device_mask'] ?? '').split(',').flatMap((id) => id.trim() || [])),
  };
}

/** The same for a plugin that somebody has let in: a mode that there isn't is an INVALID_CONFIG too. */
export function readOperatorShares(key: string, options: Readonly<Record<string, string>>): ShareOptions {
  const shares = readShareOptions(key, options);
  if (shares.mode !== null) return shares;
  const problem = `allocation_mode must be discrete or fractional, not ${JSON.stringify(options['allocation_mode'])}`;
  throw new KerneletError('INVALID_CONFIG', `${key} plugin: ${problem}`, { context: { key, name: 'allocation_mode' } });
}
