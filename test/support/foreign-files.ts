/** Files of tests, all on one file system that is asked directly. */
import { systemClock } from '../../src/lib/clock.ts';
import { silentLogger } from '../../src/lib/log.ts';
import { FileSystems } from '../../src/storage/file-systems/file-systems.ts';

/** They have no process, so that nothing needs to be let go of. */
export const localFiles = new FileSystems({ clock: systemClock, log: silentLogger, readTable: async () => [] });
