import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

it.each([
  ['thrown', 'setTimeout(() => { throw new TypeError("x is odd"); })'],
  ['rejected', 'Promise.reject(new TypeError("x is odd"))'],
])('an error that was %s and caught by nobody is logged and ends the process with status 70', async (_, code) => {
  const program = `
    import { exitOnDefects } from ${JSON.stringify(import.meta.resolve('./daemon.ts'))};
    import { createLogger } from ${JSON.stringify(import.meta.resolve('../lib/log.ts'))};
    using watch = exitOnDefects(createLogger('info'), 70);
    ${code};
    await new Promise((resolve) => setTimeout(resolve, 10_000));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  expect(status).toBe(70);
  expect(JSON.parse(said)).toMatchObject({ level: 50, error: { message: 'x is odd' }, stack: expect.anything() });
});
