/** Images whose own settings would keep the runner from starting, or start it wrongly, through the whole path. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DockerEngine } from '../../src/engine/docker/docker-engine.ts';
import { connectTestEngine, EngineLedger } from '../support/engine.ts';
import { NodeUnderTest } from '../support/node-under-test.ts';

let engine: DockerEngine;
let node: NodeUnderTest;
beforeAll(async () => {
  engine = await connectTestEngine();
  node = await NodeUnderTest.started();
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await engine?.[Symbol.asyncDispose]();
});

/** Runs a line of shell in an image of these lines. */
async function runIn(lines: readonly string[], code: string) {
  await using ledger = new EngineLedger(engine);
  return await node.run(['run', '--pull', 'never', '--image', await ledger.build(lines), '-c', code]);
}

describe('an image', () => {
  // @promise any-image
  it('with a user, a start, a stop and an environment of its own runs as any other', async () => {
    const lines = [
      ...['USER nobody', 'WORKDIR /no/such', 'ENTRYPOINT ["/bin/false"]', 'CMD ["x"]', 'STOPSIGNAL SIGKILL'],
      ...['HEALTHCHECK CMD false', 'VOLUME /home/work /tmp', 'ENV NODE_OPTIONS=--require=/x.js HOME=/root PATH=/nope'],
    ];
    const outcome = await runIn(lines, '/usr/bin/id -u; pwd; echo $HOME $PATH $NODE_OPTIONS');
    const told = '/home/work\n/home/work /home/work/.local/bin:/nope --require=/x.js\n';
    expect(outcome).toMatchObject({ status: 0, text: expect.stringMatching(/^20\d{5}\n/), stderr: '' });
    expect(outcome.text).toContain(told);
  });

  // @promise any-image
  it('without user databases, a folder for temporary files, or a shell runs too', async () => {
    const lines = [
      'RUN rm -rf /etc/passwd /etc/group /etc/shadow /tmp /bin/sh /bin/bash && ln -s /no/such /etc/passwd',
    ];
    expect(await runIn(lines, 'id -u; cd /tmp && pwd')).toMatchObject({
      status: 0,
      text: expect.stringMatching(/^20\d{5}\n\/tmp\n$/),
    });
  });

  it('that lacks the language it is labelled with says so once, with status 127', async () => {
    const outcome = await runIn(['LABEL ai.backend.runtime-type=r'], 'print(1)');
    expect(outcome).toMatchObject({ status: 127, text: '', stderr: 'kernelet: this image has no R (Rscript)\n' });
  });
});
