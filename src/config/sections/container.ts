import { key, optional, type SectionDefinition } from '../definition.ts';
import { portRange } from '../value-types/address.ts';
import { owner } from '../value-types/credentials.ts';
import { byteSize, integer } from '../value-types/scalar.ts';
import { blankableText, choice, path, text, textList } from '../value-types/text.ts';

/** `[container]` (spec config-and-ops 3.3). */
export const containerSection = {
  name: 'container',
  description: 'What every kernel has in common.',
  keys: {
    'kernel-uid': key(owner, {
      default: -1,
      description:
        "User that the programs in kernels run as: a number or a name. -1 is the agent's own user; an agent that is root uses 1000 instead, and, outside of clusters and where the engine changes no ids, for each kernel without mounts another user (`kernelet.kernel-uid-range`). Only an explicit 0 makes programs run as root.",
    }),
    'kernel-gid': key(owner, {
      default: -1,
      description:
        "Group that the programs in kernels run as: a number or a name (of a group, else of a user, whose first group it is). -1 is the agent's own group; an agent that is root uses 1000 instead, and the number of the user for a kernel that has a user of its own.",
    }),
    'bind-host': key(blankableText, {
      default: '',
      description: 'The address on which ports of kernels are published in cluster mode. Blank: detected.',
      environment: ['BACKEND_BIND_HOST_OVERRIDE', 'BACKEND_KERNEL_HOST_OVERRIDE'],
      aliases: [{ name: 'kernel-host', wins: true }],
    }),
    'advertised-host': key(optional(text), {
      default: null,
      description: 'The host of kernels that managers get.',
    }),
    'port-range': key(portRange, {
      default: [30_000, 31_000],
      description:
        "Host ports for kernels, both ends included. Best outside of the range of the system's outgoing connections (`net.ipv4.ip_local_port_range`).",
      environment: ['BACKEND_CONTAINER_PORT_RANGE'],
    }),
    'sandbox-type': key(choice(['docker', 'jail']), {
      default: 'docker',
      description:
        "What confines the programs of kernels. `docker`: kernelet's filter of system calls. `jail`: the same without calls into other processes (`ptrace`, `process_vm_readv`), mounts and namespaces, which no capability brings back: debuggers and tracers do not work. It does not go with `kernelet.loosen.seccomp-unconfined`.",
      environment: ['BACKEND_SANDBOX_TYPE'],
    }),
    'scratch-type': key(optional(choice(['hostdir', 'hostfile', 'memory', 'k8s-nfs'])), {
      default: null,
      description:
        "How a kernel's scratch folder is kept. `hostdir`: a folder. `hostfile`: the home is an ext4 image in a file, and `scratch-size` is its limit, which is enforced. `memory`: the home is in memory, `scratch-size` of it or 64m, which counts for the kernel's memory, and is gone with it. `k8s-nfs` is accepted, with a warning, and means `hostdir`. Upstream requires it, and so does kernelet with an `[etcd]` section.",
      requiredInCluster: true,
    }),
    'scratch-root': key(optional(path), {
      default: null,
      description:
        "Where each agent makes a folder for its kernels' scratch folders. None given: `./scratches` in cluster mode, `scratch` in the state folder else.",
      environment: ['BACKEND_SCRATCH_ROOT'],
    }),
    'scratch-size': key(byteSize(), {
      default: '0',
      description:
        'How much the files of a kernel should take at most: an event `overuse` is published when they take 95 % of it. With `scratch-type = "hostfile"` or `"memory"` it is the limit of the home of every kernel that asks for no other, from 16m to 15t; else it is not enforced, and 0 is no bound.',
    }),
    'alternative-bridge': key(optional(text), {
      default: null,
      description:
        "In cluster mode: network of the engine for sessions of one container, in place of the agent's own. It has to be there, and what is on it is kept off this host and each other by whoever made it.",
    }),
  },
} as const satisfies SectionDefinition;

/** `[resource]` (spec config-and-ops 3.4), with the two factors that upstream takes from the environment only. */
export const resourceSection = {
  name: 'resource',
  description: 'What of the machine is on offer in cluster mode. Alone, kernelet offers the whole machine.',
  keys: {
    'reserved-cpu': key(integer({ min: 0, max: 4096 }), {
      default: 1,
      description: 'CPUs kept for the system: that many fewer are reported.',
    }),
    'reserved-mem': key(byteSize(), {
      default: '1G',
      description: 'Memory kept for the system: that much less is reported.',
    }),
    'allocation-order': key(textList, {
      default: ['cuda', 'rocm', 'tpu', 'cpu', 'mem'],
      description:
        'The order in which kinds of devices are chosen for a kernel, each near the one before. One that is missing here comes before `cpu`.',
    }),
    'affinity-policy': key(choice(['INTERLEAVED', 'PREFER_SINGLE_NODE'], { anyCase: true }), {
      default: 'INTERLEAVED',
      description:
        '`PREFER_SINGLE_NODE` keeps the devices of a kernel on one NUMA node where they fit; `INTERLEAVED` takes the freest.',
    }),
    'cpu-overcommit-factor': key(integer({ min: 1, max: 10 }), {
      default: 1,
      description: 'How many times each CPU is on offer.',
      environment: ['BACKEND_CPU_OVERCOMMIT_FACTOR'],
    }),
    'mem-overcommit-factor': key(integer({ min: 1, max: 10 }), {
      default: 1,
      description: 'How many times the memory is on offer.',
      environment: ['BACKEND_MEM_OVERCOMMIT_FACTOR'],
    }),
  },
} as const satisfies SectionDefinition;
