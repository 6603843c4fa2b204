/** Secrets are planted wherever they enter a node that is alone, and looked for in everything that comes out of it. */
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { allCommandLines, Canaries, openToOthers } from '../support/canaries.ts';
import { callApi } from '../support/local-api.ts';
import { startLogged } from '../support/logged-daemon.ts';
import { eventually, kernelsOf } from '../support/node-facts.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';
import { docker } from '../support/runner-container.ts';

/** A plugin that repeats its options in the reason why it has no devices. */
const plugin = `export const discover = ({ options }) => {
  throw new Error('refused: ' + options['api-token'] + ' at ' + options.server);
};`;

// @promise secrets
it('secrets of a node and of its tenants are in nothing that the node says, shows or starts', async () => {
  const canaries = new Canaries();
  await using node = await NodeUnderTest.make();
  const [file, module] = [path.join(node.folder, 'agent.toml'), path.join(node.folder, 'plugin.mjs')];
  await writeFile(module, plugin);
  const configuration = [
    '[logging]',
    'level = "debug"',
    '[kernelet]',
    `device-plugins = ["${module}"]`,
    `[kernelet.plugin-options."${module}"]`,
    `api-token = "${canaries.plant('the option of a plugin')}"`,
    `server = "https://user:${canaries.plant('the password of a URL')}@127.0.0.1/"`,
  ].join('\n');
  await writeFile(file, configuration);
  const outputs = new Map<string, string>();
  const shown = async (what: string, ...args: readonly string[]): Promise<void> => {
    const { text, stderr } = await node.run(args);
    outputs.set(what, `${text}${stderr}`);
  };
  {
    await using logged = await startLogged(node, file);
    const variables = ['--env', 'FROM_HERE', '--env', `GIVEN=${canaries.plant('a variable on the command line')}`];
    // Node's own variables begin so too, and a driver's Node is not started with them.
    variables.push('--env', `NODE_AUTH_TOKEN=${canaries.plant('a variable that begins as those of Node')}`);
    const environment = { FROM_HERE: canaries.plant('a variable of the caller') };
    const created = await node.run(['create', '--lang', 'shell', ...variables, '--json'], { environment });
    outputs.set('the reply to a creation', created.text);
    const { id, containerId } = JSON.parse(created.text) as { id: string; containerId: string };
    const all = 'echo "$GIVEN $FROM_HERE $NODE_AUTH_TOKEN"';
    for (const way of [
      ['--', 'sh', '-c', all],
      ['-c', all],
    ])
      expect((await node.run(['exec', id, ...way])).text).toMatch(/^Canary\w+ Canary\w+ Canary\w+\n$/);
    const scratch = path.join(node.stateDir, 'scratch', id);
    const { secret } = JSON.parse(await readFile(path.join(scratch, 'run', 'runner.json'), 'utf8')) as {
      secret: string;
    };
    canaries.watch('the secret of a runner', secret);
    canaries.watch('the secret of the state folder', await readFile(path.join(node.stateDir, 'secret')));

    const running = node.start(['run', '--lang', 'shell', ...variables, '-c', 'echo up; sleep 30'], { environment });
    let output = '';
    running.child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await eventually('the program runs', async () => output.includes('up') || null);
    outputs.set('the arguments of processes', allCommandLines());
    const containers = (await kernelsOf(node)).map((kernel) => kernel.containerId ?? '');
    expect(containers).toHaveLength(2);
    expect(containers).toContain(containerId);
    outputs.set('containers', await docker('inspect', ...containers));
    running.child.kill('SIGINT');
    await running.outcome;

    const wrong = canaries.plant('a field of a request that is refused');
    const bodies = [
      { environ: [wrong] },
      { environ: wrong },
      { environ: { 'A=x': wrong } },
      { image: `https://u:${wrong}@r/i` },
    ];
    for (const [index, body] of [...bodies, `{"environ":{"A":${wrong}}}`].entries()) {
      const { status, text } = await callApi(node.socket, 'POST', '/v1/kernels', { body });
      expect([index, status]).toEqual([index, 400]);
      outputs.set(`refusal ${index} of a creation`, text);
    }
    for (const [index, envs] of [wrong, [wrong], { TOKEN: [wrong] }].entries()) {
      const { status, text } = await callApi(node.socket, 'POST', `/v1/kernels/${id}/services/x/start`, {
        body: { envs },
      });
      expect([index, status]).toEqual([index, 400]);
      outputs.set(`refusal ${index} of a service`, text);
    }

    await shown('kernelet inspect', 'inspect', id);
    await shown('kernelet inspect --json', 'inspect', id, '--json');
    await shown('kernelet ps --json', 'ps', '--all', '--json');
    await shown('kernelet events', 'events', '--json');
    await shown('kernelet config show', 'config', 'show', '-f', file);
    await shown('kernelet config show --json', 'config', 'show', '-f', file, '--json');
    await shown('kernelet config validate', 'config', 'validate', '-f', file);
    await shown('kernelet doctor', 'doctor', '-f', file, '--json');
    for (const of of ['/metrics', '/v1/status', '/v1/resources', '/v1/stats', '/v1/events']) {
      outputs.set(`GET ${of}`, (await callApi(node.socket, 'GET', of)).text);
    }
    logged.daemon.kill('SIGUSR2');
    const snapshot = path.join(node.stateDir, 'kernelet-snapshot.json');
    outputs.set(
      'a snapshot',
      await eventually('a snapshot', async () => await readFile(snapshot, 'utf8').catch(() => null)),
    );
    await writeFile(file, `${configuration.slice(0, -3)}\n`);
    logged.daemon.kill('SIGHUP');
    await logged.untilLogged('the configuration is refused');
    await writeFile(file, configuration);

    expect(openToOthers(node.stateDir, ['scratch', 'volumes'])).toEqual([]);
    expect((await stat(path.join(node.stateDir, 'scratch'))).mode & 0o777).toBe(0o700);
    expect(await readFile(`/proc/${logged.daemon.pid}/limits`, 'utf8')).toMatch(/^Max core file size +0 +0 /m);
    await logged.untilLogged('refused: [redacted] at https://[redacted]@127.0.0.1/');
    expect(containerId).toMatch(/^[0-9a-f]{64}$/);
    outputs.set('the log', logged.text());
  }
  // The parser of JSON repeats 20 characters of a text that is none.
  const damaged = path.join(node.stateDir, 'kernels', randomUUID());
  await mkdir(damaged, { mode: 0o700 });
  const short = `Canary${randomBytes(6).toString('hex')}`;
  canaries.watch('a piece of a damaged record', short);
  await writeFile(path.join(damaged, 'record.json'), short);
  await using again = await startLogged(node, file);
  await again.untilLogged('was put aside');
  outputs.set('the log of the next start', again.text());
  expect(canaries.placesIn(outputs)).toEqual([]);
  expect([...outputs].filter(([, text]) => text.trim() === '').map(([place]) => place)).toEqual([]);
});
