import { describe, expect, it } from 'vitest';
import { memberToml, useConfigFile } from '../../test/support/config-file.ts';

const { file, load } = useConfigFile();

describe('one key under two spellings', () => {
  it('is warned about, with both places and which counts', async () => {
    const { settings, warnings } = await load('[kernelet]\ndefault-cpus = 2\ndefault_cpus = 3\n');
    expect(settings.defaults.cpus).toBe(3);
    expect(warnings).toEqual([`${file()}:3: kernelet.default-cpus is set already, at ${file()}:2; this one counts`]);
  });
});

describe('names of keys', () => {
  it('warns once about unknown ones, with the nearest known key', async () => {
    const toml = '[kernelet]\ndefault-cpu = 1\nreserved-mem = 1\n[contianer]\nx = 1\n[agent]\nzzzzzzzz = 1\n';
    expect((await load(toml)).warnings).toEqual([
      `${file()}: unknown keys, ignored: kernelet.default-cpu (did you mean "kernelet.default-cpus"?), ` +
        'kernelet.reserved-mem (did you mean "resource.reserved-mem"?), contianer (did you mean "container"?), agent.zzzzzzzz',
    ]);
  });

  it('takes aliases, snake case, and the keys of later releases', async () => {
    const toml =
      '[agent]\nmode = "dummy"\ninitial-resource-group-name = "g"\n[container]\nport_range = [1, 2]\n[otel]\nenabled = true\n';
    const { settings, warnings } = await load(toml);
    expect([settings.agent.backend, settings.agent.scalingGroup, settings.container.portRange]).toEqual([
      'dummy',
      'g',
      { first: 1, last: 2 },
    ]);
    expect(warnings.join()).not.toContain('unknown');
  });

  it('lets a key win over its alias, and a deprecated name over its key', async () => {
    for (const lines of ['backend = "docker"\nmode = "dummy"', 'mode = "dummy"\nbackend = "docker"']) {
      expect((await load(`[agent]\n${lines}\n`)).settings.agent.backend).toBe('docker');
    }
    for (const lines of ['kernel-host = "a"\nbind-host = "b"', 'bind-host = "b"\nkernel-host = "a"']) {
      const { settings, warnings } = await load(`[container]\n${lines}\n`);
      expect(settings.container.bindHost).toBe('a');
      expect(warnings[0]).toContain('container.kernel-host is deprecated');
    }
  });

  it('offers the names of keys without effect too, when one is misspelt', async () => {
    expect((await load('[agent]\nevent-lop = "uvloop"\n')).warnings).toEqual([
      `${file()}: unknown key, ignored: agent.event-lop (did you mean "agent.event-loop"?)`,
    ]);
  });
});

describe('keys without effect', () => {
  it('are accepted whatever they hold, with one warning each that says what holds instead', async () => {
    const toml =
      '[agent]\nevent-loop = 5\nagent_sock_port = "x"\n[container]\njail-args = ["a"]\n' +
      '[logging]\ndrivers = ["console", "file"]\n[logging.file]\npath = 1\nfilename = "a.log"\n[debug.coredump]\nenabled = true\n';
    const { warnings } = await load(toml);
    expect(warnings.map((warning) => warning.replace(/^.*agent\.toml/, '').replace(/(effect\.).*/s, '$1'))).toEqual([
      ':2: agent.event-loop has no effect.',
      ':3: agent.agent-sock-port has no effect.',
      ':5: container.jail-args has no effect.',
      ':7: logging.drivers has no effect.',
      ':8: logging.file has no effect.',
      ':11: debug.coredump has no effect.',
    ]);
    expect(warnings[3]).toMatch(/kernelet logs to standard error alone.*no log file is written/);
  });

  it('are no reason for a warning when they ask for what kernelet does', async () => {
    const toml =
      '[logging]\ndrivers = ["console"]\n[container]\nsandbox-type = "docker"\nswarm-enabled = false\njail-args = []\n[debug]\nlog-stats = false\n';
    expect((await load(toml)).warnings).toEqual([]);
  });

  it('are warned of when a variable of the environment sets them', async () => {
    const { warnings } = await load(null, { environ: { BACKEND_LOG_FILE: '/a.log', BACKEND_SANDBOX_TYPE: 'docker' } });
    expect(warnings).toEqual([
      expect.stringMatching(/^environment variable BACKEND_LOG_FILE: logging\.file has no effect\./),
    ]);
  });

  it.each(['k8s-nfs'])('warns of scratch-type %s, alone and in a cluster', async (type) => {
    const warning = `container.scratch-type = "${type}" is not served: scratch folders are kept as with hostdir`;
    for (const toml of [memberToml, '[container]\nscratch-type = "hostdir"\n']) {
      expect((await load(toml)).warnings).toEqual([]);
      expect((await load(toml.replace('hostdir', type))).warnings).toEqual([expect.stringContaining(warning)]);
    }
  });
});
