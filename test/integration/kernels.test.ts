import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NodeUnderTest } from '../support/node-under-test.ts';

let node: NodeUnderTest;
let python: string;
beforeAll(async () => {
  node = await NodeUnderTest.started();
  python = await node.create('--lang', 'python', '--env', 'GREETING=hello', '--name', 'snake', '--label', 'of=tests');
});
afterAll(() => node[Symbol.asyncDispose]());

const exec = (...args: string[]) => node.run(['exec', python, '-c', ...args]);
const json = async (...args: string[]): Promise<unknown> => JSON.parse((await node.run([...args, '--json'])).text);

describe('a Python kernel', () => {
  // @promise state-between-queries
  it('keeps state and shows the last value', async () => {
    expect(await exec('x = 41')).toMatchObject({ status: 0, text: '' });
    expect(await exec('x + 1')).toMatchObject({ status: 0, text: '42\n' });
    expect((await exec('import os; os.environ["GREETING"]')).text).toBe("'hello'\n");
  });

  // @promise state-between-queries
  it('keeps its state after an exception, an exit, a syntax error and an interrupt', async () => {
    expect(await exec('1 / 0')).toMatchObject({ status: 1 });
    expect((await exec('1 / 0')).stderr).toMatch(/ZeroDivisionError/);
    expect((await exec('import sys; sys.exit(7)')).status).toBe(7);
    expect((await exec('def (')).stderr).toMatch(/SyntaxError/);
    const { child, outcome } = node.start([
      'exec',
      python,
      '-c',
      'print("up", flush=True)\nimport time\ntime.sleep(60)',
    ]);
    await new Promise((resolve) => child.stdout?.once('data', resolve));
    expect((await node.run(['interrupt', python])).status).toBe(0);
    const interrupted = await outcome;
    expect(interrupted.status).toBe(130);
    expect(interrupted.stderr).toMatch(/KeyboardInterrupt/);
    expect((await exec('x')).text).toBe('41\n');
  });

  // @promise questions
  it('asks for input and gets it', async () => {
    const outcome = await node.run(
      ['exec', python, '-c', 'a = input("first? "); b = input("second? "); print(a + b)'],
      { input: 'one\ntwo\n' },
    );
    expect(outcome.status).toBe(0);
    expect(outcome.text).toMatch(/first\? [\s\S]*second\? [\s\S]*onetwo\n$/);
  });

  // @promise questions
  it.each([
    ['-c', 'print([input()], end="")\ninput()'],
    ['--batch', '--exec', `python3 -c 'print([input()], end=""); input()'`],
  ])('comes to the end of the input as to that of a file: exec %s', async (...code) => {
    const outcome = await node.run(['exec', python, ...code], { input: '\n' });
    expect(outcome).toMatchObject({ status: 1, text: "['']" });
    expect(outcome.stderr).toMatch(/EOFError: EOF when reading a line\n$/);
  });

  it('returns pictures as files', async () => {
    const folder = path.join(node.folder, 'media');
    await mkdir(folder, { recursive: true });
    const code = 'class P:\n    def _repr_png_(self): return b"\\x89PNG\\r\\n\\x1a\\nrest"\nP()';
    expect((await node.run(['exec', python, '--save-media', folder, '-c', code])).status).toBe(0);
    const [name] = await readdir(folder);
    expect((await readFile(path.join(folder, name ?? ''))).subarray(1, 4).toString()).toBe('PNG');
  });

  it('completes', async () => {
    await exec('alphabet = 1');
    const outcome = await node.run(['complete', python, 'alphab']);
    expect(outcome.status).toBe(0);
    expect(outcome.text).toContain('alphabet');
  });

  it('runs commands of the image', async () => {
    expect(await node.run(['exec', python, '--', 'sh', '-c', 'id -un; pwd; exit 4'])).toMatchObject({
      status: 4,
      text: 'work\n/home/work\n',
    });
    const absent = await node.run(['exec', python, '--', 'no-such-program']);
    expect(absent.status).toBe(127);
    expect(absent.stderr).toMatch(/no-such-program/);
  });

  // @promise kernel-names
  it('is listed and inspected, by a prefix and by its name too', async () => {
    expect(JSON.stringify(await json('ps'))).toContain(python);
    expect((await node.run(['ps', '-q', '--filter', 'label=of=tests'])).text).toBe(`${python}\n`);
    expect(await json('inspect', 'snake')).toMatchObject({ id: python, labels: { of: 'tests' } });
    expect(await json('inspect', python.slice(0, 8))).toMatchObject({
      id: python,
      phase: 'running',
      runtime: 'python',
    });
    expect((await node.run(['inspect', 'ffffffff'])).status).toBe(125);
  });

  it('has figures, a log and events', async () => {
    expect(JSON.stringify(await json('stats'))).toContain(python);
    await exec('print("in the log")');
    expect((await node.run(['logs', python])).text).toContain('in the log');
    const events = (await node.run(['events', '--json'])).text;
    expect(events).toContain('kernel-started');
    expect(events).toContain(python);
  });
});

describe('files', () => {
  // @promise files-carried
  it('go in and out unchanged, also with odd names', async () => {
    const folder = path.join(node.folder, 'files');
    await mkdir(folder, { recursive: true });
    const long = 'n'.repeat(251);
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7) % 256));
    for (const name of ['plain.bin', '-rf', 'two\nlines', long]) {
      await writeFile(path.join(folder, name), bytes, { mode: 0o600 });
      expect([name, (await node.run(['upload', python, '--', path.join(folder, name), 'in/'])).status]).toEqual([
        name,
        0,
      ]);
      const back = path.join(folder, 'back');
      expect([name, (await node.run(['download', python, '--', `in/${name}`, back])).status]).toEqual([name, 0]);
      expect((await readFile(back)).equals(bytes)).toBe(true);
      expect((await stat(back)).mode & 0o777).toBe(0o600);
    }
    expect((await node.run(['ls', python, 'in'])).text).toContain('plain.bin');
    expect((await exec('import os; s = os.stat("in/plain.bin"); (s.st_uid == os.getuid(), s.st_size)')).text).toBe(
      '(True, 100000)\n',
    );
  });

  it('stay inside the home', async () => {
    await exec('import os\nos.path.lexists("out") or os.symlink("/etc", "out")');
    await writeFile(path.join(node.folder, 'f'), 'x');
    for (const target of ['../f', '/etc/f', 'out/f', '/home/work/../f']) {
      const outcome = await node.run(['upload', python, path.join(node.folder, 'f'), target]);
      expect([target, outcome.status]).toEqual([target, 125]);
      expect(outcome.stderr).toMatch(/home/);
    }
    for (const source of ['/etc/passwd', '../../etc/passwd', 'out/passwd']) {
      expect([source, (await node.run(['download', python, source, path.join(node.folder, 'got')])).status]).toEqual([
        source,
        125,
      ]);
    }
    const missing = await node.run(['download', python, 'absent', path.join(node.folder, 'got')]);
    expect(missing.status).toBe(125);
    expect(missing.stderr).toMatch(/absent/);
  });
});

describe('other kernels', () => {
  it('build and execute C in batch mode, and answer 127 after a failed build', async () => {
    const id = await node.create('--lang', 'c');
    await writeFile(
      path.join(node.folder, 'main.c'),
      '#include <stdio.h>\nint main(void) { puts("built"); return 2; }\n',
    );
    await node.run(['upload', id, path.join(node.folder, 'main.c'), '.']);
    expect(await node.run(['exec', id, '--batch', '--build', '*', '--exec', '*'])).toMatchObject({
      status: 2,
      text: 'built\n',
    });
    expect((await node.run(['exec', id, '--batch', '--build', 'false', '--exec', 'ls'])).status).toBe(127);
    await node.run(['rm', id]);
  });

  // @promise state-between-queries
  it('keep the state of Node.js and shell queries', async () => {
    const [nodejs, shell] = await Promise.all([node.create('--lang', 'nodejs'), node.create('--lang', 'shell')]);
    await node.run(['exec', nodejs, '-c', 'const a = [1, 2]']);
    expect((await node.run(['exec', nodejs, '-c', 'a.concat(await Promise.resolve(3))'])).text).toBe('[ 1, 2, 3 ]\n');
    await node.run(['exec', shell, '-c', 'cd /tmp; v=kept']);
    expect(await node.run(['exec', shell, '-c', 'echo $v $PWD; false'])).toMatchObject({
      status: 1,
      text: 'kept /tmp\n',
    });
    await node.run(['rm', nodejs, shell]);
  });

  it('outlive a tenant that kills everything it can', async () => {
    const id = await node.create('--lang', 'python');
    const killed = await node.run([
      'exec',
      id,
      '-c',
      'import os, signal; os.kill(-1, signal.SIGKILL); os.kill(os.getpid(), signal.SIGKILL)',
    ]);
    expect(killed.status).toBe(137);
    expect((await node.run(['exec', id, '-c', '1 + 1'])).text).toBe('2\n');
    await node.run(['rm', id]);
  });

  it('can reach neither each other nor the host nor link-local addresses', async () => {
    const other = await node.create('--lang', 'python');
    await node.run(['exec', other, '--', 'sh', '-c', 'python3 -m http.server 8000 >/dev/null 2>&1 &']);
    const address = (
      await node.run(['exec', other, '-c', 'import socket; print(socket.gethostbyname(socket.gethostname()))'])
    ).text.trim();
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.end('host')).listen(0, '0.0.0.0');
    await new Promise((resolve) => server.once('listening', resolve));
    const bound = server.address();
    const port = typeof bound === 'object' && bound ? bound.port : 0;
    const probe = (host: string, at: number) =>
      `import socket\ntry:\n    socket.create_connection((${JSON.stringify(host)}, ${at}), 2); print("reached")\nexcept OSError as e: print("refused")`;
    const gateway = `${address.split('.').slice(0, 3).join('.')}.1`;
    expect([address, (await exec(probe(address, 8000))).text]).toEqual([address, 'refused\n']);
    expect([gateway, (await exec(probe(gateway, port))).text]).toEqual([gateway, 'refused\n']);
    expect((await exec(probe('169.254.169.254', 80))).text).toBe('refused\n');
    server.close();
    await node.run(['rm', other]);
  });

  it('publish a port on the loopback address', async () => {
    const id = await node.create('--lang', 'python', '--publish', '8000');
    await node.run([
      'exec',
      id,
      '--',
      'sh',
      '-c',
      'echo published > page; python3 -m http.server 8000 >/dev/null 2>&1 &',
    ]);
    const view: unknown = await json('inspect', id);
    const port = /"hostPort":(\d+)/.exec(JSON.stringify(view))?.[1];
    let page = '';
    for (let attempt = 0; attempt < 50 && page === ''; attempt += 1) {
      page = await fetch(`http://127.0.0.1:${port}/page`).then(
        (reply) => reply.text(),
        () => '',
      );
      if (page === '') await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(page).toBe('published\n');
    await node.run(['rm', id]);
  });

  it('restart with their files and without their state', async () => {
    const id = await node.create('--lang', 'python');
    await node.run(['exec', id, '-c', 'open("kept", "w").write("yes"); gone = 1']);
    expect((await node.run(['restart', id])).status).toBe(0);
    expect((await node.run(['exec', id, '-c', 'print(open("kept").read(), "gone" in globals())'])).text).toBe(
      'yes False\n',
    );
    await node.run(['rm', id]);
  });

  it('are refused under an id that exists, and removed twice without harm', async () => {
    const id = await node.create('--lang', 'shell');
    const twice = await node.run(['create', '--lang', 'shell', '--id', id]);
    expect(twice.status).toBe(125);
    expect(twice.stderr).toContain(id);
    expect((await node.run(['rm', id])).status).toBe(0);
    expect((await node.run(['exec', id, '-c', 'true'])).status).toBe(125);
  });
});
