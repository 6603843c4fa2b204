import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernelConfigFixture } from '../../../../test/support/create-kernels-request.ts';
import { localFiles } from '../../../../test/support/foreign-files.ts';
import { silentLogger } from '../../../lib/log.ts';
import { requestedModels } from './models.ts';
import type { KernelConfig } from './request.ts';
import { kernelConfig } from './request.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kernelet-models-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = (change: Parameters<typeof kernelConfigFixture>[0]): KernelConfig => {
  const mount = { name: 'm', vfid: 'x', vfsubpath: '.', host_path: folder, kernel_path: '/models', mount_perm: 'ro' };
  const mounts = [{ ...mount, usage_mode: 'model' }];
  return kernelConfig.parse(kernelConfigFixture({ session_type: 'inference', mounts, ...change }));
};
const order = (change: Parameters<typeof kernelConfigFixture>[0] = {}, parseMs?: number) =>
  requestedModels(config(change), {
    ...{ files: localFiles, log: silentLogger, signal: AbortSignal.timeout(10_000) },
    ...(parseMs === undefined ? {} : { parseMs }),
  });
const define = (text: string, name = 'model-definition.yaml'): void => writeFileSync(join(folder, name), text);

const whole = `
models:
  - name: "first"
    model_path: /models/first
    service:
      pre_start_actions:
        - action: run_command
          args: { command: ["true"] }
      start_command: ["python3", "serve.py", "{ports[0]}"]
      port: 8080
      health_check: { path: /health, max_retries: null, max_wait_time: 0.5 }
    metadata: { license: MIT, extra: 1, version: 1 }
  - { name: second, model_path: /models/second }
`;

describe('the models of an inference session', () => {
  it('are those of the definition in its folder', async () => {
    define(whole);
    expect(await order()).toEqual({
      models: [
        {
          ...{ name: 'first', path: '/models/first', port: 8080, command: ['python3', 'serve.py', '{ports[0]}'] },
          preStart: '[{"action":"run_command","args":{"command":["true"]}}]',
          healthCheck: { path: '/health', maxRetries: 10, maxWaitMs: 500, expectedStatus: 200 },
        },
      ],
      services: [{ name: 'first-8080', protocol: 'preopen', containerPorts: [8080], isInference: true }],
      environ: { BACKEND_MODEL_NAME: 'first', BACKEND_MODEL_PATH: '/models/second' },
    });
    const environ = { BACKEND_MODEL_NAME: 'chosen', BACKEND_MODEL_PATH: '/other' };
    expect((await order({ environ })).environ).toEqual({
      BACKEND_MODEL_NAME: 'chosen',
      BACKEND_MODEL_PATH: '/models/second',
    });
    const sub = await order({ cluster_role: 'sub' });
    expect([sub.models.length, sub.services.length]).toEqual([0, 1]);
    expect(await order({ session_type: 'interactive' })).toEqual({ models: [], services: [], environ: {} });
  });

  it('are those of a variant, started by the command of the image', async () => {
    const { models, services } = await order({ internal_data: { runtime_variant: 'vllm' } });
    const check = { path: '/health', maxRetries: 10, maxWaitMs: 5000, expectedStatus: 200 };
    expect(models).toEqual([
      { name: 'vllm-model', path: '/models', port: 8000, command: null, preStart: '[]', healthCheck: check },
    ]);
    expect(services[0]?.name).toBe('vllm-model-8000');
    expect((await order({ internal_data: { runtime_variant: 'cmd' } })).models[0]?.healthCheck).toBeNull();
    expect((await order({ internal_data: { runtime_variant: 'nim' } })).models[0]?.healthCheck?.path).toBe(
      '/v1/health/ready',
    );
  });

  it('come from the file that is named, or from either usual one', async () => {
    define(whole, 'model-definition.yml');
    expect((await order()).models).toHaveLength(1);
    define(whole.replace('first"', 'other"'), 'mine.yaml');
    expect((await order({ internal_data: { model_definition_path: 'mine.yaml' } })).models[0]?.name).toBe('other');
    mkdirSync(join(folder, 'part'));
    define(whole.replace('first"', 'in a part"'), 'part/model-definition.yaml');
    const part = { name: 'm', vfid: 'x', vfsubpath: 'part', host_path: join(folder, 'part'), kernel_path: '/models' };
    const mounts = [{ ...part, mount_perm: 'ro', usage_mode: 'model' }];
    expect((await order({ mounts })).models[0]?.name).toBe('in a part');
  });

  it('keep nobody else waiting who have been written to take their time', async () => {
    define(Array.from({ length: 80_000 }, (_, index) => `k${index}: v`).join('\n'));
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 50);
    await expect(order({}, 1_000)).rejects.toThrow(/took longer|models: /);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(5);
  });

  it('are refused with what is wrong', async () => {
    await expect(order()).rejects.toThrow('model-definition.yml cannot be used: it is not there');
    await expect(order({ mounts: [] })).rejects.toThrow('At least one model virtual folder must be specified.');
    await expect(order({ internal_data: { runtime_variant: 'odd' } })).rejects.toThrow('"odd" is not known');
    symlinkSync('/etc/passwd', join(folder, 'link.yaml'));
    for (const path of ['link.yaml', '../x', '/etc/passwd']) {
      const refusal = order({ internal_data: { model_definition_path: path } });
      await expect(refusal, path).rejects.toMatchObject({ className: 'AgentError' });
      await expect(refusal, path).rejects.not.toThrow('root');
    }
    symlinkSync('/etc', join(folder, 'etc'));
    mkdirSync(join(folder, 'part'));
    for (const [part, path] of [
      ['etc', 'passwd'],
      ['part', '../x'],
    ] as const) {
      const mount = { name: 'm', vfid: 'x', vfsubpath: part, host_path: join(folder, part), kernel_path: '/models' };
      const mounts = [{ ...mount, mount_perm: 'ro', usage_mode: 'model' }];
      const refusal = order({ mounts, internal_data: { model_definition_path: path } });
      await expect(refusal, path).rejects.toThrow(/ENOTDIR|is no path below the folder/);
    }
    const wrong: readonly [string, RegExp][] = [
      [whole.replace('port: 8080', 'port: 0'), /models\.0\.service\.port/],
      ['x'.repeat(1_100_000), /more than/],
    ];
    for (const [text, message] of wrong) {
      define(text);
      await expect(order(), text.slice(0, 40)).rejects.toThrow(message);
    }
  });
});
