import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { AskedInput } from './asked-input.ts';
import { PipePool } from './pipe-pool.ts';
import type { Question } from './run.ts';

const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
afterEach(() => {
  for (const end of ends.splice(0)) end();
});
const ends: (() => void)[] = [];

/** A `cat` whose input is asked for; `waits` is what looking at it tells. */
async function setUp() {
  const clock = new FakeClock();
  const pipes = new PipePool('/bin/sh');
  const asked: { answer: Question['answer']; isOpen: boolean }[] = [];
  const state = { waits: false as boolean | null, looks: 0, mayAsk: true };
  const input = new AskedInput(await pipes.takeForInput(), {
    clock,
    tenant: own,
    ask: ({ prompt, password, answer }) => {
      if (!state.mayAsk) return null;
      expect({ prompt, password }).toEqual({ prompt: '', password: false });
      const question = { answer, isOpen: true };
      asked.push(question);
      return { [Symbol.dispose]: () => void Object.assign(question, { isOpen: false }) };
    },
    waits: () => {
      state.looks += 1;
      return state.waits;
    },
  });
  const cat = spawn('cat', { stdio: [input.theirs, 'pipe', 'inherit'] });
  closeSync(input.theirs);
  let said = '';
  cat.stdout?.on('data', (chunk) => {
    said += chunk;
  });
  ends.push(() => {
    input[Symbol.dispose]();
    cat.kill('SIGKILL');
  });
  input.watch(cat.pid ?? 0);
  return { clock, input, exited: once(cat, 'exit'), asked, state, said: () => said };
}

// @promise questions
it('a program that waits is asked for once, gets each answer as a line, and the end of the input when there is no more', async () => {
  const { clock, exited, asked, state, said } = await setUp();
  await clock.advance(20);
  expect(asked).toHaveLength(0);
  state.waits = true;
  await clock.advance(1000);
  expect(asked).toHaveLength(1);
  asked[0]?.answer('Ada é');
  await expect.poll(said).toBe('Ada é\n');
  await clock.advance(20);
  expect(asked).toHaveLength(2);
  asked[1]?.answer('with its end\n');
  await expect.poll(said).toBe('Ada é\nwith its end\n');
  await clock.advance(20);
  asked[2]?.answer(null);
  expect(await exited).toEqual([0, null]);
  await clock.advance(5000);
  expect(asked).toHaveLength(3);
});

it('a program that waits no longer takes its question back', async () => {
  const { clock, asked, state } = await setUp();
  state.waits = true;
  await clock.advance(20);
  state.waits = false;
  await clock.advance(100);
  expect(asked.map(({ isOpen }) => isOpen)).toEqual([false]);
  state.waits = true;
  await clock.advance(1000);
  expect(asked.map(({ isOpen }) => isOpen)).toEqual([false, true]);
});

it('a caller who cannot be asked now is asked later', async () => {
  const { clock, asked, state } = await setUp();
  Object.assign(state, { waits: true, mayAsk: false });
  await clock.advance(200);
  expect(asked).toHaveLength(0);
  state.mayAsk = true;
  await clock.advance(100);
  expect(asked).toHaveLength(1);
});

it('where nobody sees whether a program waits, its input has ended', async () => {
  const { clock, exited, state } = await setUp();
  state.waits = null;
  await clock.advance(20);
  expect(await exited).toEqual([0, null]);
});

it('a quiet program is looked at seldom, one that speaks when it pauses, and one that goes on speaking once a second', async () => {
  const { clock, input, state } = await setUp();
  await clock.advance(20_000);
  expect(state.looks).toBeLessThan(30);
  const before = state.looks;
  input.spoke();
  await clock.advance(20);
  expect(state.looks).toBe(before + 1);
  for (let ms = 0; ms < 3000; ms += 10) {
    input.spoke();
    await clock.advance(10);
  }
  expect(state.looks - before).toBeLessThan(6);
  expect(state.looks - before).toBeGreaterThan(2);
});
