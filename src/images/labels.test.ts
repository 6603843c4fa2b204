import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { readImageContract } from './labels.ts';

const labelled = (labels: Record<string, string>) =>
  readImageContract(Object.fromEntries(Object.entries(labels).map(([name, value]) => [`ai.backend.${name}`, value])));

describe('readImageContract', () => {
  it('gives defaults for an image without labels', () => {
    expect(readImageContract({ maintainer: 'x' })).toEqual({
      labelled: false,
      kernelspec: 1,
      features: ['uid-match'],
      role: null,
      baseDistro: null,
      runtimeType: null,
      runtimePath: null,
      servicePorts: [],
      endpointPorts: [],
      coreCountVariables: [],
      minCpus: null,
      minMemoryBytes: null,
      minOther: [],
      sharedMemoryBytes: null,
      accelerators: null,
      modelPath: null,
      modelFormat: null,
      problems: [],
    });
  });

  it('reads every label', () => {
    const contract = labelled({
      kernelspec: '1',
      features: 'batch query  uid-match',
      role: 'INFERENCE',
      'base-distro': 'ubuntu22.04',
      'runtime-type': 'python',
      'runtime-path': '/usr/bin/python3',
      'service-ports': 'api:preopen:8080, jupyter:http:8081',
      'endpoint-ports': 'api',
      'envs.corecount': 'OMP_NUM_THREADS, NPROC',
      'resource.min.cpu': '0.5',
      'resource.min.mem': '1.5g',
      'resource.min.cuda.shares': '0.1',
      'resource.preferred.shmem': '64m',
      accelerators: 'cuda,rocm',
      'model-path': '/models',
      'model-format': 'onnx',
      'customized-image.owner': 'user:x',
    });
    expect(contract).toEqual({
      labelled: true,
      kernelspec: 1,
      features: ['batch', 'query', 'uid-match'],
      role: 'INFERENCE',
      baseDistro: 'ubuntu22.04',
      runtimeType: 'python',
      runtimePath: '/usr/bin/python3',
      servicePorts: [
        { name: 'api', protocol: 'preopen', containerPorts: [8080], isInference: true },
        { name: 'jupyter', protocol: 'http', containerPorts: [8081], isInference: false },
      ],
      endpointPorts: ['api'],
      coreCountVariables: ['OMP_NUM_THREADS', 'NPROC'],
      minCpus: 0.5,
      minMemoryBytes: 1.5 * 1024 ** 3,
      minOther: [['cuda.shares', '0.1']],
      sharedMemoryBytes: 64 * 1024 ** 2,
      accelerators: ['cuda', 'rocm'],
      modelPath: '/models',
      modelFormat: 'onnx',
      problems: [],
    });
  });

  it.each([
    ['kernelspec', '2', 'only version'],
    ['kernelspec', 'one', 'only version'],
    ['features', 'Batch', 'feature'],
    ['role', 'compute', 'COMPUTE'],
    ['base-distro', '../x', 'distribution'],
    ['runtime-type', 'pyhton', 'did you mean "python"'],
    ['runtime-type', 'fortran', 'app is used'],
    ['runtime-path', 'python3', 'absolute'],
    ['runtime-path', '/bin/\nsh', 'control'],
    ['service-ports', 'x:tcp:80', 'larger than'],
    ['endpoint-ports', 'a', 'not a service'],
    ['envs.corecount', 'A=1', 'variable'],
    ['resource.min.cpu', '0', 'CPUs'],
    ['resource.min.cpu', '1e9', 'CPUs'],
    ['resource.min.mem', '-1', 'size'],
    ['resource.min.__proto__', '1', 'resource'],
    ['resource.min.cuda.shares', 'many', 'amount'],
    ['resource.preferred.shmem', 'x', 'size'],
    ['accelerators', 'CUDA', 'accelerator'],
    ['model-path', 'm', 'absolute'],
    ['model-format', 'é', 'printable'],
    ['runtime-typ', 'python', 'did you mean "runtime-type"'],
    ['features', 'x'.repeat(5000), 'longer than'],
  ])('says what is wrong with %s=%j', (name, value, part) => {
    const { problems } = labelled({ [name]: value });
    expect(problems).toEqual([{ label: `ai.backend.${name}`, problem: expect.stringContaining(part) }]);
  });

  it('keeps what is right beside what is wrong', () => {
    const contract = labelled({
      'envs.corecount': 'A B,OMP_NUM_THREADS',
      'runtime-type': 'nope',
      'runtime-path': '/x',
    });
    expect(contract).toMatchObject({
      labelled: true,
      coreCountVariables: ['OMP_NUM_THREADS'],
      runtimeType: null,
      runtimePath: '/x',
    });
  });

  it('never throws and stays bounded for any labels', () => {
    const name = fc.oneof(
      fc.constantFrom('kernelspec', 'features', 'role', 'base-distro', 'runtime-type', 'runtime-path', 'service-ports'),
      fc.constantFrom('endpoint-ports', 'envs.corecount', 'resource.min.cpu', 'resource.min.mem', 'accelerators'),
      fc.string({ unit: 'binary' }).map((text) => `resource.min.${text}`),
      fc.string({ unit: 'binary' }),
    );
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z0-9:,[\] .-]{0,200}$/));
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 30 }), (labels) => {
        const contract = labelled(labels);
        expect(contract.problems.length).toBeLessThanOrEqual(50);
        expect(JSON.stringify(contract).length).toBeLessThan(100_000);
        expect(contract.problems.every(({ label, problem }) => label.length <= 128 && problem.length < 500)).toBe(true);
      }),
      { numRuns: fuzzRuns(1500) },
    );
  });

  it('is quick for huge labels', () => {
    const started = performance.now();
    const huge = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`x${index}`, 'y'.repeat(4096)]));
    const contract = labelled({ ...huge, features: ' '.repeat(1_000_000), 'service-ports': 'a:tcp:'.repeat(100_000) });
    expect(contract.problems).toHaveLength(50);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
