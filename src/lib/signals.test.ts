import { expect, it } from 'vitest';
import { exitStatusOfSignal, signalName, signalNumber } from './signals.ts';

it('knows signals by name in any form, and by number', () => {
  expect([signalNumber('SIGTERM'), signalNumber('kill'), signalNumber('INT'), signalNumber('SIGNOPE')]).toEqual([
    15,
    9,
    2,
    undefined,
  ]);
  expect([signalName(9), signalName(6), signalName(99)]).toEqual(['SIGKILL', 'SIGABRT', undefined]);
});

it('derives exit statuses from signals', () => {
  expect([exitStatusOfSignal('SIGKILL'), exitStatusOfSignal('SIGTERM'), exitStatusOfSignal('x')]).toEqual([
    137, 143, 128,
  ]);
});
