/**
 * What batches and scripts print, once more in a file of the home, where users of a cluster read it after the kernel's end
 * (spec kernel-runner 18.2): `.logs/task/AA/BB/REST.log` by the digits of the kernel's id. The folder is the tenant's, so a process
 * of the tenant's writes; one that is slow or ended costs lines of this file and holds up nobody.
 */
import type { StdioOptions } from 'node:child_process';
import type { KernelId } from '../lib/ids.ts';
import type { TenantProcess } from './tenant-process.ts';
import { volumePaths } from './volume-paths.ts';

/** Bytes that may wait for the writer. */
const queueBytes = 1024 * 1024;
const write = '[ -d "$1" ] && mkdir -p "${2%/*}" && exec "$3" cat >>"$2"';

/** What it needs of the tenant. */
interface Writing {
  readonly home: string;
  spawnBare(argv: readonly string[], environ: Readonly<Record<string, string>>, stdio: StdioOptions): TenantProcess;
}

/** The file of one kernel. */
export class TaskLog {
  readonly #tenant: Writing;
  readonly #kernel: KernelId;
  #writer: TenantProcess | null = null;

  constructor(tenant: Writing, kernel: KernelId) {
    this.#tenant = tenant;
    this.#kernel = kernel;
  }

  /** Has a writer, whose predecessor may have ended: whether it can write is found out by it. */
  open(): void {
    if (this.#writer) return;
    const { home } = this.#tenant;
    const argv = [volumePaths.shell, '-c', write, 'kernelet', `${home}/.logs`, taskLogPath(home, this.#kernel)];
    const writer = this.#tenant.spawnBare([...argv, volumePaths.busybox], {}, ['pipe', 'ignore', 'ignore']);
    this.#writer = writer;
    writer.duplex(0)?.on('error', () => {}); // It has ended, which is told below.
    void writer.exited.then(() => {
      if (this.#writer === writer) this.#writer = null;
    });
  }

  /** Copies output, as far as it can be written. */
  copy(bytes: Uint8Array): void {
    const input = this.#writer?.duplex(0);
    if (input?.writable && input.writableLength + bytes.length <= queueBytes) input.write(bytes);
  }
}

/** Where a kernel's file is. Pure. */
export function taskLogPath(home: string, kernel: KernelId): string {
  const digits = kernel.replaceAll('-', '');
  return `${home}/.logs/task/${digits.slice(0, 2)}/${digits.slice(2, 4)}/${digits.slice(4)}.log`;
}
