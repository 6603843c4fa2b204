/** Is there room for images, scratch folders and state? */
import { statfs } from 'node:fs/promises';
import { showDiskUse } from '../../engine/docker/operator-commands.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type CheckResult, type DoctorCheck, existingFolder, failed, ok, warning } from './check.ts';

const tight = 2 * 1024 ** 3;
const tooLittle = 256 * 1024 ** 2;

/** The result, given the free bytes of each place; there is at least one. */
export function diskResult(rooms: readonly { readonly place: string; readonly free: number }[]): CheckResult {
  const least = rooms.reduce((left, right) => (right.free < left.free ? right : left));
  const text = rooms.map(({ place, free }) => `${place}: ${describeByteSize(free)} free`).join(', ');
  const fix = `free space below ${least.place}: ${showDiskUse}; kernelet image ls`;
  if (least.free < tooLittle) return failed(text, fix);
  return least.free < tight ? warning(text, fix) : ok(text);
}

export const diskCheck = {
  name: 'disk',
  async run({ settings, engine }) {
    const places = [settings.stateDir, settings.container.scratchRoot];
    if (!(engine instanceof KerneletError)) places.push(engine.info.dataRoot);
    return diskResult(
      await Promise.all(
        [...new Set(places)].map(async (place) => {
          const { bavail, bsize } = await statfs(await existingFolder(place));
          return { place, free: bavail * bsize };
        }),
      ),
    );
  },
} satisfies DoctorCheck;
