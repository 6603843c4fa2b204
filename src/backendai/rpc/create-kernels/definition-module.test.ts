import { expect, it } from 'vitest';
import { parseModelDefinition, read } from './definition-module.ts';

const definition = (service: object): string =>
  JSON.stringify({ models: [{ name: 'm', model_path: '/models', service: { port: 8080, ...service } }] });
const commandOf = (service: object) => parseModelDefinition(definition(service))[0]?.service?.start_command;

it('gives a command that is one text to a shell, and leaves its braces to that', () => {
  expect(commandOf({ start_command: ['a', '{ports[0]}'] })).toEqual(['a', '{ports[0]}']);
  expect(commandOf({ start_command: 'a --port {ports[0]} {b}' })).toEqual([
    '/bin/bash',
    '-c',
    'a --port {ports[0]} {{b}}',
  ]);
  expect(commandOf({ start_command: 'a', shell: '/bin/sh' })).toEqual(['/bin/sh', '-c', 'a']);
  expect(() => commandOf({ start_command: '' })).toThrow('models.0.service.start_command');
});

it('takes numbers as texts, and no other texts', () => {
  const check = { path: '/', max_retries: '3', max_wait_time: '0.5', expected_status_code: null };
  const [model] = parseModelDefinition(definition({ start_command: 'a', port: '9000', health_check: check }));
  expect(model?.service).toMatchObject({
    port: 9000,
    health_check: { max_retries: 3, max_wait_time: 0.5, expected_status_code: null },
  });
  expect(() => parseModelDefinition(definition({ start_command: 'a', port: 'x' }))).toThrow('models.0.service.port');
});

it.each([
  ['models: []', /^models: /],
  ['models: [', /at line 1/],
  ['models: [{ names: x, model_path: /models }]', /^models\.0/],
  [`a: &a [x]\nb: [${'*a,'.repeat(9)}*a]`, /./],
  [`a: &a [x]\nb: [${'*a,'.repeat(200)}*a]`, /alias/i],
])('answers with what is wrong: %s', (text, problem) => {
  expect(read({ text })).toEqual({ problem: expect.stringMatching(problem) });
});
