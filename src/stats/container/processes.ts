/** Processes and threads, and their limit. */
import { keyedNumber, numberOrMax, onlyNumber, UnexpectedText, whole } from '../file-text.ts';
import type { ContainerCollector, ReadFigures } from './container-collector.ts';

/** Both versions of cgroups agree on the files. */
export const containerProcesses: ContainerCollector = {
  name: 'processes',
  open(place): ReadFigures | null {
    const folder = place.folder('pids') ?? place.folder('memory');
    if (folder === null) return null;
    const current = place.optional(`${folder.path}/pids.current`);
    const most = place.optional(`${folder.path}/pids.max`);
    const events = place.optional(`${folder.path}/pids.events`);
    const list = place.file(`${folder.path}/cgroup.procs`);
    return () => {
      const counted = current.read();
      const limit = most.read();
      const hits = events.read();
      return {
        // Without the controller the list is counted, which leaves out threads.
        processes: counted === null ? lines(list.read()) : onlyNumber(counted, 'pids.current'),
        processesLimit: limit === null ? null : numberOrMax(limit, 'pids.max'),
        processLimitHits: hits === null ? null : keyedNumber(hits, 'max', 'pids.events'),
      };
    };
  },
};

function lines(text: string): number {
  const count = whole(text, 'cgroup.procs').split('\n').length - 1;
  if (!/^(\d+\n)+$/.test(text)) throw new UnexpectedText('cgroup.procs has a line that is no number');
  return count;
}
