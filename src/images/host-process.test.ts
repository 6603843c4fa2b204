import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { type HostCommand, HostProcess, runOnHost } from './host-process.ts';

const never = new AbortController().signal;
const shell = (script: string, change: Partial<HostCommand> = {}): HostCommand => ({
  argv: ['/bin/sh', '-c', script],
  what: 'trying',
  timeoutMs: 10_000,
  ...change,
});

/** A zombie that nobody has reaped yet has ended. */
function alive(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

async function read(running: HostProcess): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of running.output()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('runOnHost', () => {
  it('passes lines of both streams and the environment', async () => {
    const lines: string[] = [];
    await runOnHost(
      shell('echo "$X"; echo two >&2; printf three', { environ: { X: 'a b' }, onLine: (line) => lines.push(line) }),
      never,
    );
    expect(lines.sort()).toEqual(['a b', 'three', 'two']);
  });

  it('fails with the last lines', async () => {
    const failing = runOnHost(shell('for i in $(seq 100); do echo line $i; done; exit 3'), never);
    await expect(failing).rejects.toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringMatching(/^trying: \/bin\/sh failed with status 3\nline 86\n(?:.*\n)*line 100$/),
    });
  });

  it('fails when there is no such program', async () => {
    const failing = runOnHost(shell('', { argv: ['/nonexistent/program'] }), never);
    await expect(failing).rejects.toMatchObject({
      code: 'IMAGE_BUILD_FAILED',
      message: expect.stringContaining('ENOENT'),
    });
  });

  it('ends a program that takes longer than its deadline', async () => {
    const failing = runOnHost(shell('sleep 60', { timeoutMs: 50 }), never);
    await expect(failing).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('ends the children of a program too when it is aborted', async () => {
    const stop = new AbortController();
    const pids: number[] = [];
    const running = runOnHost(
      shell('sleep 60 & echo $!; echo $$; wait', { onLine: (line) => pids.push(Number(line)) }),
      stop.signal,
    );
    const outcome = expect(running).rejects.toThrow('enough');
    while (pids.length < 2) await sleep(5);
    stop.abort(new Error('enough'));
    await outcome;
    for (let tries = 0; tries < 200 && pids.some(alive); tries += 1) await sleep(5);
    expect(pids.filter(alive)).toEqual([]);
  });
});

describe('HostProcess', () => {
  it('gives output that ends with an error when the program fails', async () => {
    await using good = new HostProcess(shell('printf data'), never, { readOutput: true });
    expect(await read(good)).toBe('data');
    await using bad = new HostProcess(shell('printf part; exit 1'), never, { readOutput: true });
    await expect(read(bad)).rejects.toMatchObject({ code: 'IMAGE_BUILD_FAILED' });
  });

  it('ends the program when it is disposed', async () => {
    const started = performance.now();
    {
      await using _running = new HostProcess(shell('yes'), never, { readOutput: true });
    }
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

it('fails, and takes nothing down, when this process has no descriptor left', () => {
  const program = `
    import { openSync } from 'node:fs';
    import { HostProcess } from ${JSON.stringify(import.meta.resolve('./host-process.ts'))};
    const signal = new AbortController().signal;
    try { for (;;) openSync('/dev/null'); } catch {}
    const made = new HostProcess({ argv: ['true'], what: 'making it', timeoutMs: 5_000 }, signal);
    console.log(await made.ended.catch((error) => error.message));
  `;
  const command = 'ulimit -n 64; exec "$0" --input-type=module --eval "$1"';
  const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, program], { encoding: 'utf8' });
  expect([stdout, status]).toEqual(['making it: spawn true EMFILE\n', 0]);
});
