/** Kernels whose root file system is read-only, as all are on a node that is alone: what programs can still do, and who may loosen it. */
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { connectTestEngine, EngineLedger } from '../support/engine.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

/** What is in the place of the runner's entry, in the image: it would be root's. */
const entry = '#!/bin/sh\\nid -u >/home/work/ran-as\\n';

let engine: DockerEngine;
let ledger: EngineLedger;
/** It has a folder that everybody may write in, and a user of its own. */
let image: string;
/** What the agent mounts a copy over is a link to the runner's entry, which it has too. */
let hostile: string;
/** Its folders for temporary files are links to what is the runner's. */
let linked: string;
let node: NodeUnderTest;
beforeAll(async () => {
  engine = await connectTestEngine();
  ledger = new EngineLedger(engine);
  image = await ledger.build(['RUN mkdir -m 777 /data && echo app:x:4321:4321::/:/bin/sh >>/etc/passwd']);
  const fake = `mkdir -p /opt/backend.ai/bin && printf '${entry}' >/opt/backend.ai/bin/entry`;
  hostile = await ledger.build([`RUN ${fake} && ln -sf /opt/backend.ai/bin/entry /etc/passwd`]);
  const overRunner = 'ln -s /opt/backend.ai/runner/terminal /var/tmp && ln -s /home/config /run';
  linked = await ledger.build([`RUN rm -rf /var/tmp /run && ${overRunner}`]);
  node = await NodeUnderTest.started();
}, 120_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await ledger?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

const run = (of: NodeUnderTest, code: string, ...options: string[]) =>
  of.run(['run', '--pull', 'never', '--image', image, '--network', 'none', ...options, '-c', code]);

describe('a root file system that is read-only', () => {
  it('lets nobody write but in the home and in folders of limited size, from which nothing gains privileges', async () => {
    const { text, stderr, status } = await run(
      node,
      `for f in / /opt /etc /data /usr/lib; do touch $f/x && echo "wrote $f"; done 2>&1 | grep -c 'Read-only'
for f in ~ /tmp /var/tmp /run /dev/shm; do touch $f/x && echo $f; done
cp /bin/echo /tmp/ && /tmp/echo run; cp /bin/echo /run/ && /run/echo run 2>/dev/null || echo not run
df -k /tmp /var/tmp /run | awk 'NR > 1 {print $6, $2}'
awk '$5 ~ "^(/tmp|/var/tmp|/run)$" {print $6}' /proc/self/mountinfo | grep -c nosuid,nodev`,
      '--mem',
      '256m',
    );
    const size = (share: number) => (256 * 1024) / share;
    expect({ text, stderr, status }).toEqual({
      text: `5\n/home/work\n/tmp\n/var/tmp\n/run\n/dev/shm\nrun\nnot run\n/tmp ${size(2)}\n/var/tmp ${size(8)}\n/run ${size(8)}\n3\n`,
      stderr: '',
      status: 0,
    });
  });

  it('knows the tenant by name, beside the users of the image', async () => {
    const { text } = await run(
      node,
      'id -un; ls -l / >/dev/null; grep -c -E "^(root|app|work):" /etc/passwd; echo x >>/etc/passwd',
    );
    expect(text).toBe('work\n3\n');
  });

  it('is the reason that is given when a program fails of it, and only then', async () => {
    const failed = await node.run(['run', '--lang', 'python', '-c', 'open("/opt/x", "w")']);
    expect(failed.status).toBe(1);
    expect(failed.stderr).toMatch(
      /Read-only file system: '\/opt\/x'\nkernelet: .*read-only: write to \/home\/work .*--writable\n$/,
    );
    expect((await run(node, 'touch /data/x || true')).stderr).not.toContain('kernelet:');
    expect((await run(node, 'echo Read-only file system >&2; false', '--writable')).stderr).not.toContain('kernelet:');
  });

  it('lets packages be installed for the user', async () => {
    const code = `import os, site, subprocess, sys
os.makedirs(site.getusersitepackages())
open(site.getusersitepackages() + "/tiny.py", "w").write("answer = 42")
subprocess.run([sys.executable, "-c", "import tiny; print(tiny.answer)"])`;
    expect((await node.run(['run', '--lang', 'python', '-c', code])).text).toBe('42\n');
  });

  it('lets the services of the runner start, and stays as it is over a restart', async () => {
    const id = await node.create('--image', 'kernelet/shell', '--publish', '2200', '--publish', '7681');
    for (const name of ['sshd', 'ttyd']) expect((await node.run(['service', 'start', id, name])).status).toBe(0);
    expect((await node.run(['restart', id])).status).toBe(0);
    const { text } = await node.run(['exec', id, '--', 'sh', '-c', 'id -un; touch /x 2>&1 | grep -c Read-only']);
    expect(text).toBe('work\n1\n');
    expect((await node.run(['inspect', id])).text).toMatch(/^root file system: +read-only$/m);
  });

  it('has no copy of a file mounted where a link of the image leads, such as over the runner’s entry', async () => {
    const ran = await node.run([
      'run',
      '--pull',
      'never',
      '--image',
      hostile,
      '-c',
      "ls; grep -o 'users/[a-z]*' /proc/self/mountinfo | sort",
    ]);
    expect(ran).toMatchObject({ status: 0, text: 'users/group\nusers/shadow\nusers/shells\n' });
  });

  it('has no folder that the tenant can write in the place of the runner’s programs', async () => {
    const code = `awk '$9 == "tmpfs" && $5 ~ "^/(home|opt|tmp|run|var)" {print $5}' /proc/self/mountinfo
ls /opt/backend.ai/runner/terminal | grep -c . ; touch /var/tmp/x /run/x 2>&1 | grep -c Read-only`;
    const ran = await node.run(['run', '--pull', 'never', '--image', linked, '-c', code]);
    expect(ran).toMatchObject({ status: 0, text: expect.stringMatching(/^\/tmp\n[1-9]\d*\n2\n$/) });
  });
});

describe('a root file system that can be written', () => {
  it('is given to who asks for it, as far as the permissions of the image go', async () => {
    const { text } = await run(node, 'touch /data/x && echo data; touch /opt/x 2>&1 | grep -c denied', '--writable');
    expect(text).toBe('data\n1\n');
  });

  it.each([
    ['never', { status: 2, text: '' }, { status: 1, text: '' }],
    ['always', { status: 0, text: 'data\n' }, { status: 0, text: 'data\n' }],
  ])('is for the operator to give: %s', async (value, asked, silent) => {
    const other = await NodeUnderTest.started({ configuration: `[kernelet]\nwritable-root = "${value}"\n` });
    onTestFinished(() => other[Symbol.asyncDispose]());
    const write = 'touch /data/x && echo data';
    const refused = await run(other, write, '--writable');
    expect(refused).toMatchObject(asked);
    expect(refused.stderr.includes('kernelet.writable-root')).toBe(value === 'never');
    expect(await run(other, write)).toMatchObject(silent);
  });
});
