import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { recordFixture } from '../../../test/support/kernel-record.ts';
import { asContainerId, newKernelId, parseAgentId } from '../../lib/ids.ts';
import { type Claimant, labelNames, Ownership } from './ownership.ts';

const ownership = new Ownership(parseAgentId('i-one'), randomBytes(32));
const kernel = newKernelId();
const [name, earlier] = ownership.containerNames(kernel, 'registry.example/team/python:3.12@sha256:00');

const container = (labels: Record<string, string> = {}, called = name) => ({
  id: asContainerId('c'),
  name: called,
  labels: {
    [labelNames.kernelId]: kernel,
    [labelNames.sessionId]: kernel,
    [labelNames.owner]: 'i-one',
    [labelNames.generation]: '2',
    [labelNames.proof]: ownership.proof(name),
    ...labels,
  },
});

const identify = (container: Claimant) => ownership.identify(container, () => undefined);

describe('ownership', () => {
  it('names a container by its image and by what nobody but the agent can make of its kernel’s id', () => {
    expect(name).toMatch(/^kernel\.python\.[0-9a-f]{24}$/);
    expect(ownership.containerNames(kernel, 'team/python')).toEqual([name, earlier]);
    expect(ownership.containerNames(newKernelId(), 'team/python')).not.toContain(name);
    expect(new Ownership(parseAgentId('i-one'), randomBytes(32)).containerNames(kernel, 'python')).not.toContain(name);
    expect(ownership.containerNames(kernel, 'localhost:5000/ré/im.age')[0]).toMatch(/^kernel\.im-age\.[0-9a-f]{24}$/);
  });

  it('recognises what an earlier version made, whose name is of the id, and no name of another form', () => {
    expect(earlier).toBe(`kernel.python.${kernel}`);
    const proven = (called: string) => identify(container({ [labelNames.proof]: ownership.proof(called) }, called));
    expect(proven(earlier)).toMatchObject({ kernelId: kernel });
    expect(proven(name)).toMatchObject({ kernelId: kernel });
    const last = name.split('.').at(-1);
    for (const other of ['kernel.python', `other.python.${last}`, `kernel.a.b.${last}`, `kernel.python.${last}0`]) {
      expect(proven(other)).toBeNull();
    }
  });

  it('recognises what it made', () => {
    expect(identify(container())).toEqual({
      containerId: 'c',
      kernelId: kernel,
      sessionId: kernel,
      generation: 2,
    });
    expect(identify(container({}, `/${name}`))).not.toBeNull();
  });

  it('recognises what it made when the agent was called something else', () => {
    expect(identify(container({ [labelNames.owner]: 'i-before' }))).not.toBeNull();
  });

  // @promise foreign-untouched
  it.each([
    ['no proof', { [labelNames.proof]: '' }],
    ["another name's proof", { [labelNames.proof]: ownership.proof('kernel.python.other') }],
    [
      'the proof of an agent of the same id with another secret',
      { [labelNames.proof]: new Ownership(parseAgentId('i-one'), randomBytes(32)).proof(name) },
    ],
    ['another kernel id', { [labelNames.kernelId]: newKernelId() }],
    ['a generation that is none', { [labelNames.generation]: '0' }],
    ['a session id that is none', { [labelNames.sessionId]: 'x' }],
  ])('does not take a container with %s for its own', (_, labels) => {
    expect(identify(container(labels))).toBeNull();
  });

  it.each([labelNames.kernelId, labelNames.sessionId, labelNames.generation, labelNames.proof])(
    'does not take a container without the label %s for its own',
    (label) => {
      const { [label]: _, ...labels } = container().labels as Record<string, string>;
      expect(identify({ ...container(), labels })).toBeNull();
    },
  );

  it('names a container of an image that has no name by the word image', () => {
    expect(ownership.containerNames(kernel, '@sha256:00')[0]).toMatch(/^kernel\.image\.[0-9a-f]{24}$/);
  });

  // @promise image-labels
  it('does not take a container for its own that has inherited all labels through an image', () => {
    expect(identify(container({}, `kernel.python.${newKernelId()}`))).toBeNull();
    expect(identify(container({}, 'anything'))).toBeNull();
  });

  it('recognises a renamed container by the id that the record of its kernel has, and no other that has its labels', () => {
    const { spec } = recordFixture();
    const image = { ...spec.image, reference: 'registry.example/team/python:3.12' };
    const renamed = container({}, 'anything');
    const recognised = (containerId: string | null, of = kernel, reference = image.reference) =>
      ownership.identify(renamed, (asked) =>
        asked === of
          ? {
              containerId: containerId === null ? null : asContainerId(containerId),
              spec: { ...spec, id: of, image: { ...image, reference } },
            }
          : undefined,
      );
    expect(recognised('c')).toMatchObject({ containerId: 'c', kernelId: kernel, generation: 2 });
    expect(recognised('d')).toBeNull();
    expect(recognised(null)).toBeNull();
    expect(recognised('c', newKernelId())).toBeNull();
    expect(recognised('c', kernel, 'other')).toBeNull();
  });

  it('gives each container of a kernel its own runner secret, the same after a restart of the daemon', () => {
    expect(ownership.runnerSecret(kernel, 1)).toMatch(/^[0-9a-f]{64}$/);
    expect(ownership.runnerSecret(kernel, 1)).toBe(ownership.runnerSecret(kernel, 1));
    expect(ownership.runnerSecret(kernel, 1)).not.toBe(ownership.runnerSecret(kernel, 2));
    expect(ownership.runnerSecret(kernel, 1)).not.toBe(ownership.proof(`${kernel}:1`));
  });
});
