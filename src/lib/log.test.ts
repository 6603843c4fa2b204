import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from './log.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'log-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

it('logs more or less when it is told to, its children too', async () => {
  const place = path.join(folder, 'log');
  await using file = await open(place, 'w');
  const log = createLogger('info', file.fd);
  const child = log.child({ kernel: 'k' });
  child.debug('too little');
  log.setLevel('debug');
  child.debug('enough');
  log.setLevel('warn');
  log.info('too little now');
  child.warn('enough now; the end of its log:\nwhat a tenant has printed');
  log.setLevel('silent');
  log.error('nothing at all');
  const lines = (await readFile(place, 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { level: 20, kernel: 'k', msg: 'enough' },
    { level: 40, kernel: 'k', msg: 'enough now' },
  ]);
});

it('costs lines, and no more, when it cannot be written', async () => {
  const place = path.join(folder, 'log');
  await writeFile(place, '');
  await using file = await open(place, 'r');
  const log = createLogger('info', file.fd);
  const before = process.memoryUsage().heapUsed;
  for (let times = 0; times < 5_000; times += 1) log.info('x'.repeat(10_000));
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
  expect(await readFile(place, 'utf8')).toBe('');
});

// @promise log-unread
describe('a pipe that nobody reads', () => {
  /** Runs a program that logs to its standard error, and answers for what it wrote to standard output. */
  function logging(log: 'pipe' | number, body: string) {
    const module = JSON.stringify(import.meta.resolve('./log.ts'));
    const program = `import { createLogger } from ${module};\nconst log = createLogger('info');\n${body}`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', log],
    });
    const [output, errors] = [child.stdout, child.stderr].map((stream) => stream?.setEncoding('utf8'));
    if (!output) throw new Error('there is no standard output');
    let text = '';
    output.on('data', (piece: string) => {
      text += piece;
    });
    return { child, output, errors, text: () => text };
  }

  it.each(['a socket', 'a pipe'])('stops neither the program nor its end: %s', async (kind) => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await using end = await open(pipe, 'r+');
    const { child, text } = logging(
      kind === 'a pipe' ? end.fd : 'pipe',
      `for (let line = 0; line < 5_000; line += 1) log.info('x'.repeat(1_000), { line });
       process.stdout.write('went on');`,
    );
    const [status] = await once(child, 'exit');
    expect([status, text()]).toEqual([0, 'went on']);
  });

  it('costs lines, which are counted once it is read again', async () => {
    const { output, errors } = logging(
      'pipe',
      `for (let line = 0; line < 5_000; line += 1) log.info('x'.repeat(1_000), { line });
       process.stdout.write('went on');
       const alive = setInterval(() => log.info('again'), 20);
       setTimeout(() => clearInterval(alive), 3_000);`,
    );
    await once(output, 'data');
    let read = '';
    errors?.on('data', (piece: string) => {
      read += piece;
    });
    await once(errors ?? output, 'end');
    const events = read
      .trim()
      .split('\n')
      .map((line): { msg: string; line?: number; dropped?: number } => JSON.parse(line));
    const dropped = events.find((event) => event.dropped !== undefined)?.dropped ?? 0;
    const kept = events.filter((event) => event.line !== undefined);
    expect(kept.length + dropped).toBe(5_000);
    expect(kept.map(({ line }) => line)).toEqual(kept.map((_, index) => index));
    expect(dropped).toBeGreaterThan(3_000);
    expect(events.at(-1)).toMatchObject({ msg: 'again' });
  });

  it('has all lines of a program that ends at once, when its reader is only slow', async () => {
    const { child, output, errors } = logging(
      'pipe',
      `for (let line = 0; line < 600; line += 1) log.info('x'.repeat(1_000), { line });
       log.error('the last'); process.exit(70);`,
    );
    let read = '';
    setTimeout(() => {
      errors?.on('data', (piece: string) => {
        read += piece;
      });
    }, 300);
    const [status] = await once(child, 'close');
    const lines = read.trim().split('\n');
    expect([status, lines.length, JSON.parse(lines.at(-1) ?? '')]).toMatchObject([70, 601, { msg: 'the last' }]);
    output.destroy();
  });

  it('loses nothing of a burst that is read all along', async () => {
    const { child, errors } = logging(
      'pipe',
      `for (let line = 0; line < 20_000; line += 1) log.info('x'.repeat(100), { line });
       setTimeout(() => {}, 500);`,
    );
    let lines = 0;
    errors?.on('data', (piece: string) => {
      lines += piece.split('\n').length - 1;
    });
    await once(child, 'close');
    expect(lines).toBe(20_000);
  });

  it('has the last line of a program that exits at once, where there is room', async () => {
    const { child, errors } = logging('pipe', `log.error('the last'); process.exit(70);`);
    let read = '';
    errors?.on('data', (piece: string) => {
      read += piece;
    });
    const [status] = await once(child, 'close');
    expect([status, JSON.parse(read)]).toMatchObject([70, { msg: 'the last' }]);
  });
});
