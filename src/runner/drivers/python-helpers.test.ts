import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { DriverHarness } from '../../../test/support/driver-harness.ts';
import { pythonsFrom38 } from '../../../test/support/pythons.ts';

const ours = `${import.meta.dirname}/python`;
const pythons = pythonsFrom38();
/** Of spec kernel-runner 25.3. */
const canvas = 'from ai.backend.kernel.python.drawing import Canvas\nc = Canvas(100, 120)\n';
const firstDrawing =
  'k5YApmNhbnZhc2R4qSNmZmZmZmZmZqkjMDAwMDAwZmaUAKNvYmoAlqRsaW5lFBQyMqkjMDAwMDAwZmaUAKNvYmoBl6ZjaXJjbGUKCh6pIzAwMDAwMGZmqSNmZmZmZmYwMAA=';
const secondDrawing = 'kZUApnVwZGF0ZQGheS0=';
const vector = `${canvas}c.line(20, 20, 50, 50)\ncircle = c.circle(10, 10, 30)\nc.update()\ncircle.set_y(45)\nc.update()\n`;
/** What a query has: shows what is displayed, in Python's own words. */
const shown = 'import builtins\nbuiltins.display = lambda bundle, raw: print(bundle["application/x-sorna-drawing"])\n';

test('a Python that they are for is there', () => expect(pythons).not.toEqual([]));

describe.each(pythons)('in Python $version', ({ path }) => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'kernelet-helpers-'));
    // Stands in for pip: says how it is called, and installs a module for this user.
    mkdirSync(join(folder, 'pip'));
    writeFileSync(join(folder, 'pip/__init__.py'), '');
    writeFileSync(
      join(folder, 'pip/__main__.py'),
      'import os, site, sys\nprint("pip", *sys.argv[1:], os.environ["PIP_BREAK_SYSTEM_PACKAGES"])\n' +
        'os.makedirs(site.getusersitepackages(), exist_ok=True)\n' +
        'open(site.getusersitepackages() + "/fresh.py", "w").write("where = __file__")\n',
    );
    mkdirSync(join(folder, 'Sample_Package-1.5.dist-info'));
    writeFileSync(join(folder, 'Sample_Package-1.5.dist-info/METADATA'), 'Name: Sample_Package\nVersion: 1.5\n');
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** What a program prints on both streams. */
  function run(code: string): string {
    const { stdout, stderr } = spawnSync(path, ['-c', code], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'] ?? '',
        PYTHONDONTWRITEBYTECODE: '1',
        PYTHONPATH: `${folder}:${ours}`,
        PYTHONUSERBASE: join(folder, 'user'),
      },
    });
    return stdout + stderr;
  }

  // @promise python-helpers
  it('drawings have the bytes that clients of Backend.AI read', () => {
    expect(run(shown + vector)).toBe(`${firstDrawing}\n${secondDrawing}\n`);
  });

  it('numbers and texts of every size take the form that a reader of MessagePack expects', () => {
    const encode = 'from ai.backend.kernel.python.drawing.encoding import encode_commands as e\nimport base64\n';
    const values =
      '[0, 127, 128, 255, 256, 65535, 65536, 2**32, 2**64 - 1, -1, -32, -33, -128, -129, -32768, -32769, -2**31 - 1, 1.5]';
    expect(run(`${encode}print(base64.b64decode(e(${values})).hex())`)).toBe(
      `${[
        'dc0012 00 7f cc80 ccff cd0100 cdffff ce00010000 cf0000000100000000 cfffffffffffffffff ff e0',
        'd0df d080 d1ff7f d18000 d2ffff7fff d3ffffffff7fffffff cb3ff8000000000000',
      ]
        .join('')
        .replaceAll(' ', '')}\n`,
    );
    const heads = 'print([base64.b64decode(e("é" * n))[:3].hex() for n in (15, 16, 127, 128, 32768)])';
    expect(run(encode + heads)).toBe("['bec3a9', 'd920c3', 'd9fec3', 'da0100', 'db0001']\n");
    expect(run(`${encode}e([2 ** 64])`)).toContain('OverflowError: a number is too large for a drawing');
  });

  it('shapes, colours and groups are the commands that the format has', () => {
    const said = run(
      `${canvas}from ai.backend.kernel.python.drawing import Color, Colors
r = c.rectangle(1, 2, 3, 4, fill=Colors.Red)
r.set_x(9); r.set_radius(1); r.stroke(Color(1, 2, 3)); r.rotate(5)
t = c.triangle(0, 0, 1, 1, border=Colors.from_hex("#01020304"), angle=7)
t.fill(Colors.from_rgba((1, 2, 3, 4)))
c.line(0, 0, 1, 1).stroke(Colors.Cyan)
c.background_color(Colors.Gray); c.stroke_color(Colors.Blue); c.begin_fill(Colors.Yellow); c.end_fill()
c.begin_group(); c.end_group(); c.stop_animation(); c.resume_animation()
for command in c._commands[1:]: print(*command[1:])
print(Colors.Red.to_rgba(), Colors.Red.to_hex(False), Color.from_bytes(b"abcd").to_bytes(), Colors.Transparent.to_hex())`,
    );
    expect(said.split('\n')).toEqual([
      "obj 0 ('rect', 1, 2, 3, 4, '#000000ff', '#ff0000ff', 0)",
      'update 0 x 9',
      'update 0 border #010203ff',
      'update 0 rotate 5',
      "obj 1 ('triangle', 0, 0, 1, 1, '#01020304', '#ffffff00', 7)",
      'update 1 fill #01020304',
      "obj 2 ('line', 0, 0, 1, 1, '#000000ff')",
      'update 2 color #00ffffff',
      'bgcolor #808080ff',
      'fgcolor #0000ffff',
      'begin-fill #ffff00ff',
      'end-fill',
      'begin-group',
      'end-group',
      'stop-anim',
      'resume-anim',
      "rgba(255,0,0,255) #ff0000 b'abcd' #ffffff00",
      '',
    ]);
  });

  it('a turtle draws its way, and its place is told from where it began', () => {
    const said = run(
      `${canvas}from ai.backend.kernel.python.drawing import Vec2D
t = c.create_turtle()
t.forward(10); t.right(90); t.penup(); t.forward(5); t.left(90); print(t.pos())
t.pendown(); t.setpos(1, 2); t.setpos(Vec2D(0, 0)); print(t.pos())
for command in c._commands[1:]: print(*command[1:])
a, b = Vec2D(3, 4), Vec2D(1, 0)
print(a + b, a - b, -a, abs(a), a * b, a * 2, 2 * a, b.rotate(90))
import pickle; print(type(pickle.loads(pickle.dumps(a))) is Vec2D)`,
    );
    const lines = said.split('\n');
    expect(lines.slice(0, 2)).toEqual(['(10.00,5.00)', '(0.00,0.00)']);
    expect(lines.slice(2, 8)).toEqual([
      "obj 0 ('triangle', 50.0, 60.0, 12, 18, '#ff0000ff', '#ffc8c8ff', 90)",
      'begin-group',
      "obj 1 ('line', 50.0, 60.0, 60.0, 60.0, '#ff000080')",
      'update 0 x 60.0',
      'update 0 y 60.0',
      'end-group',
    ]);
    expect(lines.slice(8, 14)).toEqual([
      'update 0 rotate 90',
      'begin-group',
      'update 0 x 60.0',
      'update 0 y 65.0',
      'end-group',
      'update 0 rotate -90',
    ]);
    expect(lines.slice(-3)).toEqual([
      '(4.00,4.00) (2.00,4.00) (-3.00,-4.00) 5.0 3 (6.00,8.00) (6.00,8.00) (0.00,1.00)',
      'True',
      '',
    ]);
  });

  it('a program that nobody shows drawings of is told so', () => {
    expect(run(`${canvas}c.update()`)).toContain(
      'RuntimeError: drawings are shown by code in a query or in a notebook',
    );
  });

  // @promise python-helpers
  it('install leaves what is there, and else has pip install for this user what the program then imports', () => {
    const install = 'from ai.backend.helpers import install\n';
    expect(run(`${install}install("sample_PACKAGE")`)).toBe("'sample_package' is already installed (version: 1.5).\n");
    expect(run(`${install}install("sample_package", force_install=True)`)).toBe(
      'pip install --user -I sample_package 1\n',
    );
    expect(run(`${install}install("fresh>=1")\nimport fresh\nprint(fresh.where)`)).toMatch(
      /^pip install --user fresh>=1 1\n\S+\/user\/lib\/python[^/]+\/site-packages\/fresh\.py\n$/,
    );
  });

  it('other packages of the name ai stay what they are', () => {
    mkdirSync(join(folder, 'user-ai/ai'), { recursive: true });
    writeFileSync(join(folder, 'user-ai/ai/__init__.py'), 'mine = 1');
    expect(run(`import sys; sys.path.append("${folder}/user-ai")\nimport ai; print(ai.mine)`)).toBe('1\n');
    mkdirSync(join(folder, 'user-ai/site/ai/backend/client'), { recursive: true });
    writeFileSync(join(folder, 'user-ai/site/ai/backend/client/__init__.py'), 'mine = 2');
    const both = 'from ai.backend import client, helpers; print(client.mine, helpers.install.__name__)';
    expect(run(`import sys; sys.path.append("${folder}/user-ai/site")\n${both}`)).toBe('2 install\n');
  });

  it('a drawing of a query reaches the runner as it is', async () => {
    using driver = await DriverHarness.start([path, `${import.meta.dirname}/python_driver.py`], { PYTHONPATH: ours });
    const { events, exitCode, stderr } = await driver.query(vector);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(events).toHaveLength(2);
    for (const [index, data] of [firstDrawing, secondDrawing].entries()) {
      expect(JSON.stringify(events[index])).toContain('"application/x-sorna-drawing"');
      expect(JSON.stringify(events[index])).toContain(`"${data}"`);
    }
  });
});
