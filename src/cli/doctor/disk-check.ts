/** Is there room for images, scratch folders and state? */
import { showDiskUse } from '../../engine/docker/operator-commands.ts';
import { describeByteSize } from '../../lib/byte-size.ts';
import { freeSpaceOf, reservedBytes } from '../../lib/disk-space.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type CheckResult, type DoctorCheck, existingFolder, failed, ok, warning } from './check.ts';

const tight = 2 * 1024 ** 3;

/** A place, what is free of its file system, and what is reserved there for the node. */
interface Room {
  readonly place: string;
  readonly free: number;
  readonly reserved: number;
}

/** The result for these places; there is at least one. */
export function diskResult(rooms: readonly Room[]): CheckResult {
  const least = rooms.reduce((left, right) => (right.free < left.free ? right : left));
  const text = rooms.map(({ place, free }) => `${place}: ${describeByteSize(free)} free`).join(', ');
  const fix = `free space below ${least.place}: ${showDiskUse}; kernelet image ls`;
  const short = rooms.find(({ free, reserved }) => free < reserved);
  if (short) {
    const kept = describeByteSize(short.reserved);
    return failed(
      `${text}; no kernel is made while ${kept} are not free below ${short.place} (kernelet.disk-reserve)`,
      fix,
    );
  }
  return least.free < tight ? warning(text, fix) : ok(text);
}

export const diskCheck = {
  name: 'disk',
  async run({ settings, engine }) {
    const kept = new Set([settings.stateDir, settings.container.scratchRoot]);
    const places = [...kept];
    if (!(engine instanceof KerneletError)) places.push(engine.info.dataRoot);
    return diskResult(
      await Promise.all(
        [...new Set(places)].map(async (place) => {
          const { free, total } = await freeSpaceOf(await existingFolder(place));
          return { place, free, reserved: kept.has(place) ? reservedBytes(settings.diskReserve, total) : 0 };
        }),
      ),
    );
  },
} satisfies DoctorCheck;
