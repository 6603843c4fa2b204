/** Is there room for images, scratch folders and state? */
import { statfs } from 'node:fs/promises';
import { describeByteSize } from '../../lib/byte-size.ts';
import { KerneletError } from '../../lib/errors.ts';
import { type DoctorCheck, failed, ok, warning } from './check.ts';
import { existingFolder } from './existing-folder.ts';

const tight = 2 * 1024 ** 3;
const tooLittle = 256 * 1024 ** 2;

/** The check. */
export const diskCheck = {
  name: 'disk',
  async run({ settings, engine }) {
    const places = [settings.stateDir, settings.container.scratchRoot];
    if (!(engine instanceof KerneletError)) places.push(engine.info.dataRoot);
    const rooms = await Promise.all(
      [...new Set(places)].map(async (place) => {
        const { bavail, bsize } = await statfs(await existingFolder(place));
        return { place, free: bavail * bsize };
      }),
    );
    const least = rooms.reduce((left, right) => (right.free < left.free ? right : left));
    const text = rooms.map(({ place, free }) => `${place}: ${describeByteSize(free)} free`).join(', ');
    if (least.free < tooLittle)
      return failed(text, `free space below ${least.place}: docker system df; kernelet image ls`);
    if (least.free < tight)
      return warning(text, `free space below ${least.place}: docker system df; kernelet image ls`);
    return ok(text);
  },
} satisfies DoctorCheck;
