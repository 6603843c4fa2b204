import { expect, it } from 'vitest';
import { isExempt, wordsOf } from './words.mjs';

it('finds the words of a manager in identifiers, strings and comments', () => {
  const text =
    "const redisSink = 1;\nfail('no scaling group');\n// As Callosum does.\nconst rpcPort = new RpcPort();\n";
  expect(wordsOf('src/agent/agent.ts', text).map(({ line, word }) => `${line} ${word}`)).toEqual([
    '1 redis',
    '2 scaling group',
    '3 Callosum',
    '4 rpc',
    '4 Rpc',
  ]);
});

it('lets other things pass that are called alike', () => {
  const text =
    'class ServiceManager {}\n// systemd is a service manager (spec rpc 8.14).\nconst purpose = corporation;\n';
  expect(wordsOf('src/main/serve.ts', text)).toEqual([]);
});

it('lets tests alone write the names of the image contract out', () => {
  const text = "expect(path).toBe('/opt/backend.ai/bin');\n";
  expect(wordsOf('src/storage/paths.test.ts', text)).toEqual([]);
  expect(wordsOf('src/storage/paths.ts', text)).toEqual([{ line: 1, word: 'backend.ai' }]);
});

it('exempts the folder of the adapter and not one that begins like it', () => {
  expect(isExempt('src/backendai/rpc/call.ts')).toBe(true);
  expect(isExempt('src/backend/call.ts')).toBe(false);
});
