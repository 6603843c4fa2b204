import { expect, it } from 'vitest';
import { parseDriverLine } from './driver-events.ts';

it.each([
  { ev: 'ready' },
  { ev: 'media', type: 'image/png', encoding: 'base64', data: 'eA==' },
  { ev: 'html', data: '<b>' },
  { ev: 'input', prompt: '? ', password: true },
  { ev: 'done', id: 3, exitCode: -9 },
  { ev: 'completion', id: 3, matches: ['a', 'b'] },
])('reads %j', (event) => {
  expect(parseDriverLine(JSON.stringify(event))).toEqual(event);
});

it.each([
  'no JSON',
  'null',
  '5',
  '[]',
  '{"ev":"finished"}',
  '{"ev":"media","type":"image/png\\r\\nX: y","encoding":"base64","data":""}',
  '{"ev":"media","type":"png","encoding":"base64","data":""}',
  '{"ev":"media","type":"image/png","encoding":"hex","data":""}',
  '{"ev":"html"}',
  '{"ev":"input","password":true}',
  '{"ev":"done","id":1,"exitCode":0.5}',
  '{"ev":"done","id":"1","exitCode":0}',
  '{"ev":"completion","id":1,"matches":"a"}',
])('takes %s for nothing', (line) => {
  expect(parseDriverLine(line)).toBeNull();
});

it('bounds completions and leaves out what is no text', () => {
  const matches = [5, null, ...Array.from({ length: 5000 }, (_, index) => `m${index}`)];
  const event = parseDriverLine(JSON.stringify({ ev: 'completion', id: 1, matches }));
  expect(event?.ev === 'completion' && [event.matches.length, event.matches[0]]).toEqual([1000, 'm0']);
});
