/** How a fraction of a pretended GPU translates into its memory and processors (spec resources-and-stats 15.3, 15.4). */
import { cut, Decimal, floorTo, least } from '../lib/decimal.ts';

/** What one share stands for. */
export interface ShareUnit {
  readonly unitMemory: Decimal;
  readonly unitProcessors: number;
}

const grid = new Decimal('0.01');
const fewestProcessors = 4;

/** How many shares a device makes, in hundredths. */
export const sharesOf = (memoryBytes: Decimal, processors: number, unit: ShareUnit): Decimal =>
  floorTo(least(memoryBytes.div(unit.unitMemory), new Decimal(processors).div(unit.unitProcessors)), grid);

/** What a kernel with a share may use. */
export const limitsOf = (
  share: Decimal,
  unit: ShareUnit,
): { readonly memoryBytes: Decimal; readonly processors: number } => ({
  memoryBytes: cut(share.times(unit.unitMemory)),
  processors: Math.max(fewestProcessors, cut(share.times(unit.unitProcessors)).toNumber()),
});
