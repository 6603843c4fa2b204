/** Reads a file below a folder whose users may have put links and anything else there: nothing else is read. */
import { constants, type FileHandle, open } from 'node:fs/promises';
import { isPlainPath } from './place-file.ts';

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const fileFlags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Its text. Throws the system's error, and an Error for what is no file below the folder or too long. */
export async function readFileWithin(folder: string, path: string, maxBytes: number): Promise<string> {
  if (!isPlainPath(path)) throw new Error(`${JSON.stringify(path.slice(0, 200))} is no path below the folder`);
  const names = path.split('/');
  const last = names.pop() ?? '';
  let above = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    for (const name of names) {
      const next = await open(entry(above, name), folderFlags);
      await above.close();
      above = next;
    }
    await using file = await open(entry(above, last), fileFlags);
    return await textOf(file, maxBytes);
  } finally {
    await above.close();
  }
}

async function textOf(file: FileHandle, maxBytes: number): Promise<string> {
  if (!(await file.stat()).isFile()) throw new Error('it is no file');
  const bytes = Buffer.alloc(maxBytes + 1);
  let size = 0;
  for (let taken = -1; taken !== 0 && size < bytes.length; size += taken) {
    taken = (await file.read(bytes, size, bytes.length - size, null)).bytesRead;
  }
  if (size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
  return bytes.toString('utf8', 0, size);
}

const entry = (folder: FileHandle, name: string): string => `/proc/self/fd/${folder.fd}/${name}`;
