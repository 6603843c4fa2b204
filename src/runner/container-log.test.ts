import { describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { ContainerLog } from './container-log.ts';

function setUp(debug = false) {
  const clock = new FakeClock();
  const state = { takes: true, text: '' };
  const sink = (bytes: Uint8Array): boolean => {
    if (state.takes) state.text += Buffer.from(bytes).toString();
    return state.takes;
  };
  return { clock, state, log: new ContainerLog(sink, { debug, clock }) };
}
const mebibyte = 2 ** 20;

describe('the log of a container', () => {
  // @promise no-silent-gap
  it('lets a burst pass, then so much a second, and says what is missing', async () => {
    const { clock, state, log } = setUp();
    for (let count = 0; count < 6; count += 1) log.copy(Buffer.alloc(mebibyte, 'x'));
    expect([state.text.length, log.droppedBytes]).toEqual([4 * mebibyte, 2 * mebibyte]);
    await clock.advance(1000);
    log.copy(Buffer.from('more'));
    expect(state.text.slice(4 * mebibyte)).toBe(
      `\nkernelet-runner: [WARN] ${2 * mebibyte} bytes of output are missing here\nmore`,
    );
  });

  it('counts what an engine that does not read loses, and goes on when it does', () => {
    const { state, log } = setUp();
    state.takes = false;
    log.copy(Buffer.from('lost'));
    log.line('WARN', 'lost too');
    expect(log.droppedBytes).toBeGreaterThan(4);
    state.takes = true;
    log.copy(Buffer.from('here'));
    expect(state.text).toMatch(/bytes of output are missing here\nhere$/);
  });

  it('has details only when they are wanted', () => {
    for (const debug of [false, true]) {
      const { state, log } = setUp(debug);
      log.line('DEBUG', 'detail');
      log.line('INFO', 'fact');
      expect(state.text.includes('detail')).toBe(debug);
      expect(state.text).toContain('kernelet-runner: [INFO] fact\n');
    }
  });
});
