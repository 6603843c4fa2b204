import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chooseKernelspec, type Kernelspec, parseKernelspec, readKernelspecs } from './kernelspecs.ts';

const spec = (name: string, language = ''): Kernelspec => ({
  ...{ name, language, folder: `/k/${name}`, argv: ['x'], env: {}, interruptMode: 'signal' },
});

function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'kernelet-kernelspecs-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, 'kernels', name), { recursive: true });
    writeFileSync(join(folder, 'kernels', name, 'kernel.json'), content);
  }
  return folder;
}

describe('a kernelspec', () => {
  it('is read with what it leaves away', () => {
    const whole = '{"argv":["R","{connection_file}"],"env":{"A":"b"},"language":"R","interrupt_mode":"message","x":1}';
    expect(parseKernelspec('IR', '/k', whole)).toEqual({
      ...{ name: 'ir', folder: '/k', argv: ['R', '{connection_file}'], env: { A: 'b' } },
      ...{ language: 'R', interruptMode: 'message' },
    });
    expect(parseKernelspec('a', '/k', '{"argv":["x"],"env":3,"interrupt_mode":"shout"}')).toEqual({
      ...spec('a'),
      folder: '/k',
    });
  });

  it.each([
    '',
    '[]',
    '{}',
    '{"argv":[]}',
    '{"argv":"R"}',
    '{"argv":["a\\u0000b"]}',
    `{"argv":["${'x'.repeat(20_000)}"]}`,
  ])('is none when it is %j', (json) => expect(parseKernelspec('a', '/k', json)).toBe(null));

  it('counts once, in the first folder that has it, and bad ones count for nothing', () => {
    const first = folderOf({ both: '{"argv":["first"]}', broken: '{' });
    const second = folderOf({
      Both: '{"argv":["second"]}',
      broken: '{"argv":["whole"]}',
      large: `{"argv":["x"],"y":"${'x'.repeat(300_000)}"}`,
    });
    mkdirSync(join(second, 'kernels/pipe'));
    execFileSync('mkfifo', [join(second, 'kernels/pipe/kernel.json')]);
    mkdirSync(join(second, 'kernels/endless'));
    symlinkSync('/dev/zero', join(second, 'kernels/endless/kernel.json'));
    mkdirSync(join(second, 'kernels/empty'));
    const found = readKernelspecs([join(first, 'nowhere'), first, second]);
    expect(Object.fromEntries(found.map(({ name, argv }) => [name, argv[0]]))).toEqual({
      both: 'first',
      broken: 'whole',
    });
  });

  it('is chosen by its language, else by its name, else not at all', () => {
    const specs = [spec('python3', 'python'), spec('iruby', 'ruby'), spec('r-4', 'R'), spec('xcpp17', 'C++17')];
    const chosen = (language: string, nameHas?: string) =>
      chooseKernelspec(specs, { language, ...(nameHas === undefined ? {} : { nameHas }) })?.name ?? null;
    expect(chosen('r', 'ir')).toBe('r-4');
    expect(chosen('c++')).toBe('xcpp17');
    expect(chosen('h2o', '')).toBe('python3');
    expect(chosen('h2o', 'rub')).toBe('iruby');
    expect(chosen('c')).toBe(null);
    expect(chooseKernelspec(specs, { name: 'IRuby' })?.name).toBe('iruby');
    expect(chooseKernelspec(specs, { name: 'ruby' })).toBe(null);
  });
});
