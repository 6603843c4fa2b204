/** Host files in memory, for tests: recorded trees, and system calls that break or vanish at a chosen read. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseCgroupMounts } from '../../src/stats/cgroup.ts';
import type { ReaderHost } from '../../src/stats/container-reader.ts';
import { type FileCalls, OpenFileCache } from '../../src/stats/open-file-cache.ts';

/** The container of the recorded trees. */
export const recordedId = '56d686656cfeaf194fce05e4bc4e237f05ff4d55ce4c1612a8e680a22f2cbeb0';
export const recordedPid = 4242;
export const recordedTrees = [
  'v1-cgroupfs',
  'v1-systemd',
  'hybrid-cgroupfs',
  'hybrid-systemd',
  'v2-cgroupfs',
  'v2-systemd',
];

/** Reads a recorded tree: text by path. */
export function readTree(name: string): Map<string, string> {
  const text = readFileSync(path.join(import.meta.dirname, '..', 'fixtures', 'cgroups', `${name}.txt`), 'utf8');
  const parts = text.split(/^== (.*)\n/m).slice(1);
  return new Map(parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1] ?? ''] as const] : [])));
}

/** An error as the system's. */
export const systemError = (code: string): Error => Object.assign(new Error(`${code}: planted`), { code });

/** System calls over texts in memory. */
export class TreeCalls implements FileCalls {
  readonly tree: Map<string, string>;
  /** Called before each open and read; may throw. */
  before: (call: 'open' | 'read', file: string) => void = () => {};
  readonly open_: (string | undefined)[] = [];

  constructor(tree: Map<string, string>) {
    this.tree = tree;
  }

  open(file: string): number {
    this.before('open', file);
    if (!this.tree.has(file)) throw systemError('ENOENT');
    return this.open_.push(file) - 1;
  }

  read(descriptor: number, buffer: Uint8Array, offset: number, position: number): number {
    const file = this.open_[descriptor];
    if (file === undefined) throw systemError('EBADF');
    this.before('read', file);
    const text = this.tree.get(file);
    // A cgroup that was removed answers so to those who have its files open.
    if (text === undefined) throw systemError('ENODEV');
    const piece = Buffer.from(text, 'latin1').subarray(position, position + 4096);
    buffer.set(piece, offset);
    return piece.length;
  }

  close(descriptor: number): void {
    if (this.open_[descriptor] === undefined) throw systemError('EBADF');
    this.open_[descriptor] = undefined;
  }

  /** How many descriptors were never closed. */
  get left(): number {
    return this.open_.filter((file) => file !== undefined).length;
  }
}

/** A host that consists of these files. */
export function hostOf(calls: TreeCalls, maxOpen = 1000): ReaderHost {
  return {
    files: new OpenFileCache({ maxOpen, calls }),
    mounts: parseCgroupMounts(calls.tree.get('/proc/self/mountinfo') ?? ''),
    nodeMemoryBytes: 8e9,
    processRoot: '/proc',
  };
}
