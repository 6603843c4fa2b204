// Runs other programs.
import { execFile, spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import path from 'node:path';

const places = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin'];

/** Where a program is; undefined when it is not installed. System programs are found without their place in PATH. */
export async function findProgram(name) {
  for (const place of places) {
    const file = path.join(place || '.', name);
    const found = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return file;
  }
  return undefined;
}

/** Environment of the programs that are run: messages in English, system programs in reach. */
export const environment = { ...process.env, PATH: places.join(':'), LC_ALL: 'C' };

/** Runs a program to its end, within a minute. Resolves with its status and output; never rejects. */
export function capture(program, args) {
  return new Promise((resolve) => {
    execFile(program, args, { env: environment, timeout: 60_000, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
      resolve({ ok: error === null, stdout, stderr });
    });
  });
}

/** Runs a program and hands its lines of output to `log`. Rejects when it fails. */
export function follow(program, args, { log, extra = {} }) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...environment, ...extra }, stdio: ['ignore', 'pipe', 'pipe'] });
    const last = [];
    let rest = '';
    const take = (text) => {
      const lines = (rest + text).split(/[\r\n]+/);
      rest = lines.pop() ?? '';
      for (const line of lines.filter((line) => line.trim() !== '')) {
        last.push(line);
        if (last.length > 10) last.shift();
        log(line);
      }
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${program} ${args.join(' ')} ended with status ${status}: ${last.join(' | ')}`));
    });
  });
}
