/**
 * What makes pseudoterminals, which Node cannot: the native part of node-pty, which lies beside the programs of the runner
 * volume as its package does elsewhere. The rest of node-pty is not used.
 */
import { createRequire } from 'node:module';

/** The functions of it that are used. They throw an Error without the system's code. */
export interface PtyAddOn {
  /** The descriptors of both ends, neither of which blocks or is closed in children. */
  open(columns: number, rows: number): { readonly master: number; readonly slave: number; readonly pty: string };
  resize(master: number, columns: number, rows: number): void;
}

/** Loads it with its first use: it costs every process memory. */
export const ptyAddOn = (): PtyAddOn =>
  createRequire(import.meta.url)(`@lydell/node-pty-${process.platform}-${process.arch}/pty.node`) as PtyAddOn;
