import { afterEach, beforeEach, expect, test } from 'vitest';
import { PlanHome, showsItself } from '../../../test/support/plan-home.ts';
import { java } from './java.ts';

let place: PlanHome;
beforeEach(() => {
  place = new PlanHome();
  place.tool('javac', `printf '%s\\n' "javac $*"; if grep -q wrong "$3"; then exit 4; fi`);
  place.tool('java', `printf '%s\\n' "java $*"; cat; exit 5`);
});
afterEach(() => place[Symbol.dispose]());

const context = () => place.context({ tool: `${place.tools}/java` });
const main = 'public static void main(String[] args) {}';

test.each([
  ['a public class', `public class Hello {\n  ${main}\n}`, 'Hello.java', 'Hello'],
  ['a class that is not public', `class Hello { ${main} }`, 'main.java', 'Hello'],
  ['a package', `package a.b;\n\npublic final class Hello {\n  ${main}\n}`, 'Hello.java', 'a.b.Hello'],
  ['others before it', `interface Shape {}\nrecord Point(int x) {}\nclass App {\n  ${main}\n}`, 'main.java', 'App'],
  ['an inner class', `public class Hello {\n  static class Part {}\n  ${main}\n}`, 'Hello.java', 'Hello'],
  ['a public class without it', `public class Part {}\nclass App {\n  ${main}\n}`, 'Part.java', 'App'],
  ['indented code', `  public class Hello {\n    ${main}\n  }`, 'Hello.java', 'Hello'],
])('%s with the method main is what runs', (_, code, file, entry) => {
  const folder = `${place.home}/.kernelet-1`;
  const path = file === 'main.java' ? `${folder}/source/main.java` : `${folder}/${file}`;
  const expected = {
    status: 5,
    stdout: `javac -d ${folder}/classes ${path}\njava -cp ${folder}/classes:. ${entry}`,
    stderr: '',
  };
  expect(place.carryOut(java.query.plan(code, context()))).toEqual({ ...expected, stdout: `${expected.stdout}\n` });
  const typed = java.program({ from: 'stdin' }, ['a', '-b'], context());
  expect(place.carryOut(typed, code)).toEqual({ ...expected, stdout: `${expected.stdout} a -b\n` });
  const given = java.program({ from: 'code', code }, ['x'], context());
  expect(place.carryOut(given, 'input')).toEqual({ ...expected, stdout: `${expected.stdout} x\ninput` });
  expect(place.files).toEqual([]);
});

test('a file is compiled where it stands, and under the name of its public class where it has another', () => {
  place.put('Hello.java', `public class Hello { ${main} }`);
  place.put('@odd.java', `public class Hello { ${main} }`);
  const run = (path: string) => place.carryOut(java.program({ from: 'file', path }, [], context())).stdout;
  const folder = `${place.home}/.kernelet-1`;
  expect(run('Hello.java')).toContain(`javac -d ${folder}/classes Hello.java\n`);
  expect(run('@odd.java')).toContain(`javac -d ${folder}/classes ${folder}/Hello.java\n`);
  expect(place.files).toEqual(['@odd.java', 'Hello.java']);
});

test('code without a class is for the launcher of newer Javas', () => {
  const told = place.carryOut(java.query.plan('void main() {}', context()));
  expect(told.stdout).toBe(`java ${place.home}/.kernelet-1/source/main.java\n`);
});

test('what does not compile does not run', () => {
  const told = place.carryOut(java.query.plan(`class Hello { wrong; ${main} }`, context()));
  expect(told).toMatchObject({ status: 4, stdout: expect.not.stringContaining('java -cp') });
  expect(place.files).toEqual([]);
});

test('a batch compiles all sources as arguments of their own, and runs Main', () => {
  place.tool('javac', showsItself);
  expect(place.carryOut(java.build(context())).status).toBe(127);
  for (const path of ['Main.java', 'a b/Part.java', '.old/Gone.java']) place.put(path, '');
  const words = place.carryOut(java.build(context())).stdout.trim().split('\n');
  expect(words.slice(0, 5)).toEqual([
    ...['javac', '-J-XX:+IgnoreUnrecognizedVMOptions', '-J-XX:MaxRAMPercentage=50', '-d', '.'],
  ]);
  expect(words.slice(5).sort()).toEqual(['./Main.java', './a b/Part.java']);
  const exec = () => place.carryOut(java.exec(context()));
  expect(exec()).toMatchObject({ status: 127, stderr: expect.stringContaining('Main.class') });
  place.put('Main.class', '');
  expect(exec()).toMatchObject({ status: 5, stdout: 'java Main\n' });
  place.put('main/Main.class', '');
  expect(exec()).toMatchObject({ status: 5, stdout: 'java main.Main\n' });
});

test('a Java without its compiler runs what is compiled, and says that it compiles nothing', () => {
  const bare = place.context({ tool: '/usr/bin/java', which: (program) => (/javac$/.test(program) ? null : program) });
  for (const plan of [java.query.plan('class A {}', bare), java.program({ from: 'stdin' }, [], bare)]) {
    expect(plan).toMatchObject({
      exitCode: 127,
      message: 'kernelet: this image has no Java compiler (java and javac)',
    });
  }
  place.put('Main.java', '');
  expect(place.carryOut(java.build(bare))).toMatchObject({
    status: 127,
    stderr: expect.stringContaining('no Java compiler'),
  });
});

test('the first Java of the image’s folder is on PATH', () => {
  const folders = (pattern: string) => (pattern.includes('jre') ? [] : ['/usr/lib/jvm/java-17/bin']);
  expect(java.environ(place.context({ folders }))['PATH']).toBe('/usr/lib/jvm/java-17/bin:/usr/bin:/bin');
});
