import { expect, it } from 'vitest';
import { MemoryIo } from '../../test/support/cli-under-test.ts';
import { KerneletError } from '../lib/errors.ts';
import { doEach } from './do-each.ts';
import { Screen } from './screen.ts';

/** Removes what does not begin with `x`; `xx` is misuse. */
async function remove(name: string): Promise<string> {
  if (name.startsWith('xx')) throw new KerneletError('INVALID_ARGUMENT', `${name} is no name`);
  if (name.startsWith('x')) throw new KerneletError('KERNEL_NOT_FOUND', `no ${name}`);
  return `${name}!`;
}

async function removing(names: readonly string[], json = false) {
  const io = new MemoryIo();
  const asked: string[] = [];
  const status = await doEach(new Screen(io, json), names, (name) => {
    asked.push(name);
    return remove(name);
  });
  return { status, asked, stdout: io.stdout.text, stderr: io.stderr.text };
}

it('removes the others when one fails, each once, and says which', async () => {
  expect(await removing(['a', 'x', 'a', 'b'])).toMatchObject({
    status: 125,
    asked: ['a', 'x', 'b'],
    stdout: 'a!\nb!\n',
  });
  expect((await removing(['a', 'x'])).stderr).toBe('kernelet: no x\n`kernelet ps` lists the kernels.\n');
});

it('has the status of the worst, in whatever order', async () => {
  expect((await removing(['a', 'b'])).status).toBe(0);
  expect((await removing(['a', 'xx'])).status).toBe(2);
  expect([(await removing(['xx', 'x'])).status, (await removing(['x', 'xx'])).status]).toEqual([125, 125]);
});

it('is one document with --json', async () => {
  const { stdout } = await removing(['a', 'x'], true);
  expect(JSON.parse(stdout)).toEqual({
    removed: ['a!'],
    failed: [{ id: 'x', error: expect.objectContaining({ code: 'KERNEL_NOT_FOUND', message: 'no x' }) }],
  });
});
