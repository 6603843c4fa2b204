/** The small programs that the agent runs, on a simulated disk: `flock`, `rm` and `umount`. Others are not there. */
import { EventEmitter } from 'node:events';
import type { Disk } from './disk.ts';
import { systemError } from './memory-files.ts';
import type { Timeline } from './timeline.ts';

/** What a program is started with, as far as it counts here. */
interface StartOptions {
  readonly stdio?: readonly unknown[];
}

/** A stream that says nothing. */
class SilentStream extends EventEmitter {
  setEncoding(): this {
    return this;
  }
  end(): void {}
  destroy(): void {}
}

/** A started program; it has no id, so that no signal is sent to anybody else. */
class SimulatedProgram extends EventEmitter {
  readonly pid = undefined;
  readonly stdin = new SilentStream();
  readonly stdout = new SilentStream();
  readonly stderr = new SilentStream();
  unref(): void {}
}

/** Starts programs on a machine. */
export function programsOf(disk: Disk, timeline: Timeline) {
  const run = (name: string, args: readonly string[], { stdio = [] }: StartOptions): number => {
    const subject = args.at(-1) ?? '';
    if (name === 'rm') {
      if (disk.files.peek(subject)) disk.files.removeTree(subject, disk.inodeOf);
      return 0;
    }
    if (name === 'umount') return 0;
    if (name === 'flock' && typeof stdio[3] === 'number') return disk.lock(stdio[3]) ? 0 : 1;
    throw systemError('ENOENT', `spawn ${name}`);
  };
  return {
    spawn(name: string, args: readonly string[], options: StartOptions = {}): SimulatedProgram {
      const program = new SimulatedProgram();
      const owner = timeline.current;
      disk
        .call(() => run(name, args, options))
        .then(
          (status) => timeline.schedule(0.5, owner, () => program.emit('close', status)),
          (error: unknown) => timeline.schedule(0.5, owner, () => program.emit('error', error)),
        );
      return program;
    },
  };
}
