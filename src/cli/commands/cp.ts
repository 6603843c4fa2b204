/** `kernelet cp`: files and folders into a kernel and out of it, as `docker cp` and `scp` write it. */
import type { CliCommand } from '../command.ts';
import { type Place, placeOf } from '../kernel-place.ts';
import { UsageError } from '../option-reader.ts';
import { downloadTo } from './download.ts';
import { unpackInto, uploadAll } from './upload.ts';

export const cp = {
  name: 'cp',
  summary: 'copy files into a kernel or out of it',
  description: `Copies files and folders, with their modes: into a kernel where the last path is ID:PATH, out of it where the
first one is. Paths of a kernel begin in its home. - is standard input or output. As upload and download do it, a copy that is
cut off leaves no part of a file.`,
  operands: ['<paths...>'],
  usage: '(LOCAL... ID:PATH | ID:PATH LOCAL)',
  options: [{ flags: '--unpack', help: 'LOCAL is a tar archive, whose content goes into the folder ID:PATH' }],
  examples: [
    { command: 'kernelet cp data.csv web:', what: 'into the home of the kernel that is called web' },
    { command: 'kernelet cp site web:public/', what: 'a folder, into another' },
    { command: 'kernelet cp web:result.csv .', what: 'out of it' },
    { command: 'echo hi | kernelet cp - web:greeting.txt', what: 'what comes on standard input' },
    { command: 'kernelet cp web:result.csv - | head', what: 'to standard output' },
    { command: 'tar -c site | kernelet cp --unpack - web:', what: 'a whole folder at once, with its links' },
  ],
  async run(call) {
    const places = call.operands.map(placeOf);
    const target = places.pop();
    const [first, ...more] = places;
    if (!target || !first) throw new UsageError('give what to copy, and where to');
    const isInside = ({ kernel }: Place): boolean => kernel !== null;
    if (target.kernel !== null && !places.some(isInside)) {
      const paths = places.map(({ path }) => path);
      if (call.options.flag('unpack')) {
        if (more.length > 0) throw new UsageError('one archive is unpacked at a time');
        return await unpackInto(call, target.kernel, first.path, target.path);
      }
      return await uploadAll(call, target.kernel, paths, target.path);
    }
    if (call.options.flag('unpack')) throw new UsageError('--unpack goes with LOCAL ID:PATH');
    if (target.kernel === null && first.kernel !== null && more.length === 0) {
      return await downloadTo(call, first.kernel, first.path, target.path);
    }
    throw new UsageError(
      'one side is a kernel, and one this machine',
      'Give LOCAL... ID:PATH, or ID:PATH LOCAL; a local path with a colon is written ./a:b.',
    );
  },
} satisfies CliCommand;
