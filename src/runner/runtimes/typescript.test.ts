import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlanHome } from '../../../test/support/plan-home.ts';
import { typescript } from './typescript.ts';

let place: PlanHome;
beforeEach(() => {
  place = new PlanHome();
});
afterEach(() => place[Symbol.dispose]());

const node = (version: string) =>
  place.tool('node', `if [ "$1" = --version ]; then echo v${version}; else echo "node $*"; cat; exit 5; fi`);

test.each([
  ['24.11.0', ''],
  ['23.6.0', ''],
  ['22.18.0', ''],
  ['23.5.1', '--experimental-strip-types '],
  ['22.17.9', '--experimental-strip-types '],
  ['22.6.0', '--experimental-strip-types '],
])('Node %s runs TypeScript by itself: %j', (version, option) => {
  const context = place.context({ tool: node(version) });
  const run = (source: Parameters<typeof typescript.program>[0], input: string) =>
    place.carryOut(typescript.program(source, ['a', '-b'], context), input);
  expect(run({ from: 'file', path: '-x.ts' }, 'in')).toEqual({
    status: 5,
    stdout: `node ${option}./-x.ts a -b\nin`,
    stderr: '',
  });
  expect(run({ from: 'code', code: 'let x: number' }, 'in').stdout).toBe(
    `node ${option}${place.home}/.kernelet-3.ts a -b\nin`,
  );
  expect(run({ from: 'stdin' }, 'code').stdout).toBe(`node ${option}${place.home}/.kernelet-5.ts a -b\n`);
  place.put('main.ts', '');
  expect(place.carryOut(typescript.exec(context)).stdout).toBe(`node ${option}./main.ts\n`);
  expect(place.files).toEqual(['main.ts']);
});

test('an older Node takes the image’s tsx, else its tsc, else says what is missing', () => {
  const context = () => place.context({ tool: node('22.5.1') });
  const run = () => place.carryOut(typescript.program({ from: 'file', path: 'a/x.ts' }, ['b'], context()));
  expect(run()).toEqual({
    status: 127,
    stdout: '',
    stderr:
      'kernelet: TypeScript runs with Node 22.18 or later, or with tsx or tsc: this image has Node 22.5.1 alone\n',
  });
  place.tool('tsc', 'echo "tsc $*"');
  expect(run()).toEqual({
    status: 5,
    stdout: `tsc --outDir ${place.home}/.kernelet-1 --target es2020 --module commonjs --skipLibCheck a/x.ts\nnode ${place.home}/.kernelet-1/x.js b\n`,
    stderr: '',
  });
  place.tool('tsc', 'echo "x.ts(1,1): error"; exit 2');
  expect(run()).toMatchObject({ status: 2, stdout: 'x.ts(1,1): error\n' });
  place.tool('tsx', 'echo "tsx $*"');
  expect(run()).toMatchObject({ status: 0, stdout: 'tsx a/x.ts b\n' });
});

test('queries go to the driver of JavaScript, which takes the types away', () => {
  expect(typescript.query.start(place.context({ tool: '/usr/bin/node' }))).toEqual({
    argv: ['/usr/bin/node', '/v/drivers/node_driver.cjs', 'typescript'],
  });
});
