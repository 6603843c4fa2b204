import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { answerBytes, InputSocket, parseQuestion } from './input-socket.ts';
import type { Run } from './run.ts';

it.each([
  ['{"prompt": "name? ", "password": true}\nrest', { prompt: 'name? ', password: true, line: false }],
  ['{"line": true}', { prompt: '', password: false, line: true }],
  ['{"prompt": "two\\nlines"}', { prompt: 'two\nlines', password: false, line: false }],
  ['{"prompt": 5, "password": "yes"}', { prompt: '', password: false, line: false }],
  ['', { prompt: '', password: false, line: false }],
  ['GET / HTTP/1.1', { prompt: '', password: false, line: false }],
  ['null', { prompt: '', password: false, line: false }],
  ['[]', { prompt: '', password: false, line: false }],
])('a program that says %j asks %j', (text, question) => {
  expect(parseQuestion(text)).toEqual(question);
});

it('an answer to a question ends with a newline where that is asked for, and the end of the input is empty', () => {
  expect([answerBytes('', true), answerBytes('a', true), answerBytes('a\n', true)]).toEqual(['\n', 'a\n', 'a\n']);
  expect([answerBytes('', false), answerBytes('a', false)]).toEqual(['', 'a']);
  expect([answerBytes(null, true), answerBytes(null, false)]).toEqual(['', '']);
});

it('a question that is withdrawn holds up the next one for a moment, so that nobody floods the agent with them', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'input-socket-'));
  const path = join(folder, 'input.sock');
  const clock = new FakeClock();
  const told: string[] = [];
  const ask = ({ prompt }: { prompt: string }): Disposable => {
    told.push(prompt);
    return { [Symbol.dispose]: () => void told.push(`${prompt} withdrawn`) };
  };
  const run = { control: { ask }, replay: { overfull: false } } as unknown as Run;
  await new InputSocket(clock, () => run, path).listen();
  const say = async (prompt: string): Promise<Socket> => {
    const socket = connect(path);
    await once(socket, 'connect');
    socket.write(`{"prompt": "${prompt}"}\n`);
    return socket;
  };
  const first = await say('one');
  await expect.poll(() => told).toEqual(['one']);
  first.destroy();
  await expect.poll(() => told).toEqual(['one', 'one withdrawn']);
  const second = await say('two');
  await expect.poll(() => clock.pending).toBe(1);
  await clock.advance(9);
  expect(told).toHaveLength(2);
  await clock.advance(1);
  await expect.poll(() => told).toEqual(['one', 'one withdrawn', 'two']);
  second.destroy();
  await rm(folder, { recursive: true });
});
