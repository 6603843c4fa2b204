import { mkdtempDisposable, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { createBody, languageOf } from './kernel-options.ts';
import { OptionReader, UsageError } from './option-reader.ts';

function body(values: Record<string, unknown>) {
  const io = new MemoryIo();
  io.workingDirectory = '/here';
  io.environ = { TOKEN: 'a=b\nc' };
  return createBody(new OptionReader(values), io, { language: 'python', interpreter: 'lazy' });
}

describe('the request for a kernel', () => {
  it('has what was given, in the units of the API', async () => {
    const values = {
      image: 'debian',
      pull: 'never',
      cpus: '0.5',
      mem: '256m',
      processes: '64',
      env: ['A=1=2', 'TOKEN', 'E='],
      mount: ['data:/data', '/etc/x:/x:ro'],
      network: 'none',
      publish: ['80', '65535'],
    };
    expect(await body(values)).toEqual({
      image: 'debian',
      language: 'python',
      pull: 'never',
      cpus: 0.5,
      memoryBytes: 256 * 1024 ** 2,
      processes: 64,
      environ: { A: '1=2', TOKEN: 'a=b\nc', E: '' },
      mounts: [
        { source: '/here/data', target: '/data', readOnly: false },
        { source: '/etc/x', target: '/x', readOnly: true },
      ],
      network: 'none',
      publish: [80, 65_535],
      interpreter: 'lazy',
    });
  });

  it('leaves to the agent what was not given', async () => {
    expect(await body({})).toEqual({ language: 'python', environ: {}, mounts: [], publish: [], interpreter: 'lazy' });
  });

  it.each<readonly [Record<string, unknown>, RegExp]>([
    [{ env: ['=x'] }, /--env without a name/],
    [{ env: [''] }, /--env without a name/],
    [{ env: ['ABSENT'] }, /--env ABSENT: there is no such variable here/],
    [{ mount: ['/a'] }, /--mount "\/a" is not HOST:CONTAINER/],
    [{ mount: ['/a:b'] }, /--mount/],
    [{ mount: ['/a:/b:rx'] }, /--mount/],
    [{ mount: [':/b'] }, /--mount/],
    [{ publish: ['0'] }, /--publish "0" is not a port/],
    [{ publish: ['65536'] }, /--publish/],
    [{ publish: ['80:80'] }, /--publish/],
    [{ publish: ['0x50'] }, /--publish/],
    [{ processes: '0' }, /--processes "0"/],
    [{ cpus: 'all' }, /--cpus "all"/],
  ])('refuses %j', async (values, message) => {
    await expect(body(values)).rejects.toThrow(UsageError);
    await expect(body(values)).rejects.toThrow(message);
  });

  it('has the variables of files, which those of --env replace', async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'kernelet-env-'));
    const file = join(folder.path, 'env');
    await writeFile(file, '# not this\n\nA=from the file\r\nB=1\nTOKEN\n');
    const { environ } = await body({ envFile: [file], env: ['B=2'] });
    expect(environ).toEqual({ A: 'from the file', B: '2', TOKEN: 'a=b\nc' });
    await expect(body({ envFile: [join(folder.path, 'absent')] })).rejects.toThrow(/absent" does not exist/);
  });

  it('says which port to publish to those who name one of this machine', async () => {
    await expect(body({ publish: ['8080:80'] })).rejects.toMatchObject({
      cure: expect.stringContaining('--publish 80:'),
    });
  });
});

describe('--lang', () => {
  const language = (name?: string) => languageOf(new OptionReader({ lang: name }))?.type;

  it('takes the names that people use', () => {
    expect([language('python'), language('shell'), language('cpp'), language()]).toEqual([
      'python',
      'shell',
      'cpp',
      undefined,
    ]);
  });

  it('names what was probably meant, and what there is', () => {
    expect(() => language('pyton')).toThrow(
      expect.objectContaining({
        message: expect.stringMatching(/^--lang "pyton" .*python/),
        cure: expect.stringMatching(/^Give one of python, /),
      }),
    );
  });
});
