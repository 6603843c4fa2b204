/** The operator's keys on real kernels: defaults, limits that this engine cannot give, and loosened hardening. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { connectTestEngine, within } from '../support/engine.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

const facts = `id -u; ulimit -Hn; grep -E "^(CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr "\\t" " "
ls /sys/class/net | tr "\\n" " "`;

async function nodeOf(configuration: string): Promise<NodeUnderTest> {
  const node = await NodeUnderTest.started({ configuration });
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}
const inspect = async (node: NodeUnderTest, id: string) =>
  JSON.parse((await node.run(['inspect', '--json', id])).text) as {
    readonly limits: Readonly<Record<string, number | null>>;
    readonly network: string;
    readonly warnings: readonly string[];
  };

describe('defaults of the configuration', () => {
  it('hold where a request is silent, and the request where it speaks', async () => {
    const node = await nodeOf(`[kernelet]
default-network = "none"
default-image-pull = "never"
default-cpus = 0.5
default-memory = "200m"
default-processes = 100
`);
    const silent = await inspect(node, await node.create('--image', 'kernelet/shell'));
    expect(silent).toMatchObject({
      network: 'none',
      limits: { cpus: 0.5, memoryBytes: 200 * 2 ** 20, processes: 100, openFiles: null },
      warnings: [],
    });
    const asking = ['--image', 'kernelet/shell', '--network', 'bridge', '--cpus', '1', '--processes', '50'];
    expect(await inspect(node, await node.create(...asking))).toMatchObject({
      network: 'bridge',
      limits: { cpus: 1, processes: 50 },
    });
    const missing = await node.run(['create', '--image', 'localhost:1/nothing:here']);
    expect(missing.stderr).toContain('pulling it is forbidden');
    expect(node.daemonErrors).toBe('');
  });
});

describe('limits that the engine cannot give', () => {
  it('are capped or left out with a warning, also by the doctor', async () => {
    const node = await nodeOf('[kernelet]\nopen-files = 1_048_576\nopen-files-x = 1\n');
    const { status, stderr, text } = await node.run(['create', '--image', 'kernelet/shell', '--network', 'none']);
    expect(status).toBe(0);
    await using engine = await connectTestEngine();
    const most = (await engine.info(within(10_000))).openFilesLimit ?? 0;
    // Where the engine gives as much there is nothing to cap.
    const isCapped = most < 1_048_576;
    const capped = isCapped ? most : 1_048_576;
    expect(stderr.includes(`open-files = 1048576 is capped to ${most}`)).toBe(isCapped);
    const { limits, warnings } = await inspect(node, text.trim());
    expect(limits['openFiles']).toBe(capped);
    expect(warnings).toHaveLength(isCapped ? 1 : 0);
    expect((await node.run(['exec', text.trim(), '--', 'sh', '-c', 'ulimit -Hn'])).text).toBe(`${capped}\n`);
    const environment = { BACKEND_CONFIG_FILE: join(node.folder, 'agent.toml') };
    const warned = /^warning +kernels +kernelet\.open-files = .*$/m.test(
      (await node.run(['doctor'], { environment })).text,
    );
    expect(warned).toBe(isCapped);
    expect(node.daemonErrors).toContain('did you mean \\"kernelet.open-files\\"?');
  });
});

describe('hardening', () => {
  let node: NodeUnderTest;
  let id: string;
  beforeAll(async () => {
    node = await NodeUnderTest.started({
      configuration: `[container]
kernel-uid = 0
[kernelet.loosen]
capabilities = ["CHOWN"]
seccomp-unconfined = true
new-privileges = true
no-process-limit = true
no-memory-limit = true
no-cpu-limit = true
swap = true
`,
    });
    id = await node.create('--image', 'kernelet/shell', '--network', 'none', '--processes', '50', '--mem', '64m');
  }, 120_000);
  afterAll(() => node?.[Symbol.asyncDispose](), 60_000);

  // @promise loosened-by-name
  it('is loosened by the operator, each with a warning at the start of the daemon', async () => {
    const { text } = await node.run(['exec', id, '--', 'sh', '-c', facts]);
    expect(text).toMatch(/^0\n\d+\nCapBnd: 00000000000000e1\nNoNewPrivs: 0\nSeccomp: 0\nlo $/);
    const told = node.daemonErrors.match(/loosened: [a-z.-]+/g);
    expect(told).toEqual([
      'loosened: kernelet.loosen.capabilities',
      'loosened: kernelet.loosen.seccomp-unconfined',
      'loosened: kernelet.loosen.new-privileges',
      'loosened: kernelet.loosen.no-process-limit',
      'loosened: kernelet.loosen.no-memory-limit',
      'loosened: kernelet.loosen.no-cpu-limit',
      'loosened: kernelet.loosen.swap',
      'loosened: container.kernel-uid',
    ]);
  });

  it('has no limit on processes and memory then', async () => {
    const many = 'i=0; while [ $i -lt 100 ]; do sleep 20 & i=$((i+1)); done; jobs | wc -l; kill $(jobs -p)';
    expect((await node.run(['exec', id, '--', 'bash', '-c', many])).text).toBe('100\n');
    const eat = 'head -c 150000000 /dev/zero | tail -c 150000000 | wc -c';
    expect((await node.run(['exec', id, '--', 'sh', '-c', eat])).text).toBe('150000000\n');
  });
});
