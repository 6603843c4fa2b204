import { expect, it } from 'vitest';
import { recordFixture, specFixture } from '../../../../test/support/kernel-record.ts';
import { testSettings } from '../../../../test/support/kernels-fixture.ts';
import { parseAgentId } from '../../../lib/ids.ts';
import { defaultHardening } from '../../container/container-spec.ts';
import { Ownership } from '../../container/ownership.ts';
import { runnerConfig } from './config-files.ts';

it('a runner keeps a log of batches where the user has a folder for it', () => {
  const configOf = (target: string) => {
    const spec = specFixture({ mounts: [{ source: '/data/logs', target, readOnly: false }] });
    return runnerConfig(recordFixture({ spec }), {
      ownership: new Ownership(parseAgentId('i-one'), new Uint8Array(32)),
      runner: testSettings.runner,
      hardening: defaultHardening,
    });
  };
  expect(configOf('/home/work/.logs').taskLog).toBe(true);
  expect(configOf('/home/work/logs').taskLog).toBe(false);
});
