/** Are this process's own limits wide enough for many kernels? */
import { readFile } from 'node:fs/promises';
import { type CheckResult, type DoctorCheck, ok, warning } from './check.ts';

const wantedFiles = 4096;
const wantedProcesses = 4096;

/** The soft limit of a line of `/proc/PID/limits`; Infinity when unlimited. */
function softLimit(text: string, name: string): number {
  const line = text.split('\n').find((candidate) => candidate.startsWith(name)) ?? '';
  const word = line.slice(name.length).trim().split(/\s+/)[0] ?? '';
  return word === 'unlimited' ? Number.POSITIVE_INFINITY : Number(word);
}

/** The result, given the text of `/proc/PID/limits`. */
export function limitsResult(text: string): CheckResult {
  const files = softLimit(text, 'Max open files');
  const processes = softLimit(text, 'Max processes');
  const shown = (limit: number): string => (Number.isFinite(limit) ? String(limit) : 'unlimited');
  const facts = `${shown(files)} open files, ${shown(processes)} processes`;
  if (files < wantedFiles) return warning(facts, `ulimit -n ${wantedFiles}   # or LimitNOFILE= in the service's unit`);
  if (processes < wantedProcesses) return warning(facts, `ulimit -u ${wantedProcesses}   # or LimitNPROC= in the unit`);
  return ok(facts);
}

export const limitsCheck = {
  name: 'limits',
  async run() {
    return limitsResult(await readFile('/proc/self/limits', 'utf8'));
  },
} satisfies DoctorCheck;
