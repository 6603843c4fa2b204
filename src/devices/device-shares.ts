/** How a share of a GPU translates into its memory and processors (spec resources-and-stats 15.3, 15.4). */
import { cut, Decimal, floorTo, least } from '../lib/decimal.ts';

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
  return floorTo(processors > 0 ? least(byMemory, new Decimal(processors).div(unit.unitProcessors)) : byMemory, grid);
}

/** What a kernel with a share may use. */
export const limitsOf = (
  share: Decimal,
  unit: ShareUnit,
): { readonly memoryBytes: Decimal; readonly processors: number } => ({
  memoryBytes: cut(share.times(unit.unitMemory)),
  processors: Math.max(minProcessors, cut(share.times(unit.unitProcessors)).toNumber()),
});
