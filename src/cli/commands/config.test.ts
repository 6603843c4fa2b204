/** `config show`, `validate` and `schema`, on files in a temporary folder. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CliUnderTest } from '../../../test/support/cli-under-test.ts';

let cli: CliUnderTest;
beforeEach(async () => {
  cli = await CliUnderTest.withoutDaemon();
});
afterEach(() => cli[Symbol.asyncDispose]());

const put = (text: string, name = 'agent.toml'): Promise<void> => writeFile(join(cli.folder, name), text);

describe('config show', () => {
  it('has every value with its source: flag > environment > file > default', async () => {
    await put('[kernelet]\nstate-dir = "/from/file"\nopen-files = 4096\n');
    const { stdout } = await cli.run(['config', 'show', '--json', '--socket', 'x.sock']);
    const { values, configFile } = JSON.parse(stdout) as { values: Record<string, object>; configFile: string };
    expect(configFile).toBe(join(cli.folder, 'agent.toml'));
    expect(values['kernelet.socket']).toMatchObject({ source: 'flag' });
    expect(values['kernelet.state-dir']).toEqual({ value: join(cli.folder, 'state'), source: 'environment' });
    expect(values['kernelet.open-files']).toEqual({ value: 4096, source: 'file' });
    expect(values['container.port-range']).toMatchObject({ source: 'default' });
  });

  it('has only what somebody has set with --changed', async () => {
    await put('[kernelet]\nopen-files = 4096\n', 'other.toml');
    const { stdout } = await cli.run(['config', 'show', '--changed', '-f', 'other.toml']);
    expect(stdout).toMatch(/^KEY +VALUE +SOURCE\n/);
    expect(stdout).toMatch(/^kernelet\.open-files +4096 +file$/m);
    expect(stdout).not.toContain('default');
  });

  it('has long lists whole', async () => {
    const folders = Array.from({ length: 101 }, (_, n) => `/srv/${n}`);
    await put(`[kernelet]\nmount-allow = ${JSON.stringify(folders)}\n`);
    const { stdout } = await cli.run(['config', 'show', '--json']);
    const { values } = JSON.parse(stdout) as { values: Record<string, object> };
    expect(values['kernelet.mount-allow']).toEqual({ value: folders, source: 'file' });
  });

  it('warns of a key that is not known, with the nearest', async () => {
    await put('[kernelet]\nopen-file = 4096\n');
    const { status, stderr } = await cli.run(['config', 'show']);
    expect(status).toBe(0);
    expect(stderr).toMatch(/open-file.*open-files/);
  });
});

describe('config validate', () => {
  it('is status 0 for what serve would take', async () => {
    expect(await cli.run(['config', 'validate'])).toMatchObject({
      status: 0,
      stdout: 'no file; the defaults are used\n',
    });
    await put('[kernelet]\nopen-files = 4096\n');
    expect((await cli.run(['config', 'validate'])).stdout).toBe(`${join(cli.folder, 'agent.toml')} is valid\n`);
  });

  it.each<readonly [string, string, RegExp]>([
    ['bad.toml', '[kernelet]\nopen-files = "many"\n', /kernelet\.open-files.*"many"/],
    ['bad.toml', '[kernelet\n', /bad\.toml/],
    ['absent.toml', '', /absent\.toml is not a file/],
  ])('names key, value and place of what is wrong in %s: %j', async (name, text, message) => {
    if (text !== '') await put(text, name);
    const { status, stdout, stderr } = await cli.run(['config', 'validate', name]);
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(message);
    const document = JSON.parse((await cli.run(['config', 'validate', '--json', name])).stdout) as object;
    expect(document).toMatchObject({ valid: false, problems: [{ message: expect.any(String) }] });
  });

  const member = '[etcd]\nnamespace = "n"\n[agent]\nbackend = "docker"\n[container]\nscratch-type = "hostdir"\n';

  it.each<readonly [string, string, RegExp]>([
    [
      'an engine that is not served',
      member.replace('"docker"', '"kubernetes"'),
      /agent\.backend = "kubernetes" is not one/,
    ],
    [
      'an engine elsewhere',
      '[kernelet]\ndocker-host = "tcp://10.0.0.1:2375"\n',
      /tcp:\/\/10\.0\.0\.1:2375.*UNIX socket/,
    ],
    [
      'a certificate that is not there',
      member.replace('[agent]', 'ssl-enabled = true\nssl-ca-cert = "absent.pem"\n[agent]'),
      /etcd\.ssl-ca-cert: .*absent\.pem cannot be read/,
    ],
    [
      'a CURVE key that is not there',
      member.replace('[container]', 'rpc-auth-agent-keypair = "absent.key_secret"\n[container]'),
      /absent\.key_secret/,
    ],
    [
      'a reservation of all memory',
      `${member}[resource]\nreserved-mem = "1p"\n`,
      /resource\.reserved-mem keeps back all/,
    ],
    [
      'a reservation of all CPUs',
      `${member}[resource]\nreserved-cpu = 4096\n`,
      /resource\.reserved-cpu keeps back all/,
    ],
  ])('refuses, as serve does, %s', async (_, text, message) => {
    await put(text);
    const { status, stdout, stderr } = await cli.run(['config', 'validate']);
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(message);
    const document = JSON.parse((await cli.run(['config', 'validate', '--json'])).stdout) as object;
    expect(document).toMatchObject({ valid: false, problems: [{ message: expect.any(String) }] });
  });

  it('shows everything that serve would refuse, not the first alone', async () => {
    await put(`${member}[resource]\nreserved-cpu = 4096\nreserved-mem = "1p"\n[kernelet]\ndocker-host = "ssh://x"\n`);
    const { status, stderr } = await cli.run(['config', 'validate']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^kernelet: resource\.reserved-cpu/m);
    expect(stderr).toMatch(/^kernelet: .*ssh:\/\/x/m);
    expect(JSON.parse((await cli.run(['config', 'validate', '--json'])).stdout)).toMatchObject({
      problems: [{ dockerHost: 'ssh://x' }, { key: 'resource.reserved-cpu' }],
    });
  });

  it('accepts drivers of logs and types of scratch folders that are not served, with a warning each', async () => {
    const text = '[logging]\ndrivers = ["file"]\n[logging.file]\npath = "/log"\nfilename = "a"\n';
    await put(`${member.replace('hostdir', 'k8s-nfs')}${text}`);
    const { status, stderr } = await cli.run(['config', 'validate']);
    expect([status, stderr.match(/^kernelet: warning: /gm)]).toEqual([0, Array(3).fill('kernelet: warning: ')]);
    expect(stderr).toMatch(/logging\.drivers has no effect.*no log file is written/);
    expect(stderr).toMatch(/container\.scratch-type = "k8s-nfs" is not served/);
  });

  it('warns beside the problems, so that a misspelt key is seen', async () => {
    await put('[kernelet]\nopen-file = 1\ndefault-cpus = "two"\n');
    const { status, stderr } = await cli.run(['config', 'validate']);
    expect(status).toBe(125);
    expect(stderr).toMatch(/^kernelet: warning: .*open-file.*open-files[\s\S]*default-cpus/);
    expect(JSON.parse((await cli.run(['config', 'validate', '--json'])).stdout)).toMatchObject({
      valid: false,
      warnings: [expect.stringContaining('open-files')],
    });
  });
});

it('config schema is a JSON Schema', async () => {
  const { status, stdout } = await cli.run(['config', 'schema']);
  expect([status, JSON.parse(stdout)]).toMatchObject([0, { type: 'object', properties: { kernelet: {} } }]);
  expect((await cli.run(['config', 'schema', '--json'])).stdout.match(/\n/g)).toHaveLength(1);
});
