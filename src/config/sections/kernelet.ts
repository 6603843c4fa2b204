import { maxOpenFiles } from '../../lib/open-files.ts';
import { key, optional, type SectionDefinition } from '../definition.ts';
import { capabilities, userRange } from '../value-types/credentials.ts';
import { bitRate, byteSize, cpuCount, duration, integer, reservedSpace, strictBoolean } from '../value-types/scalar.ts';
import { absolutePaths, choice, optionTables, path, text, textList } from '../value-types/text.ts';

const minute = 60_000;
/** What engines give by default, and two that upstream adds (spec kernel-lifecycle 7.2). */
const imageCapabilities = [
  ...['AUDIT_WRITE', 'CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'KILL', 'MKNOD', 'NET_BIND_SERVICE', 'NET_RAW'],
  ...['SETFCAP', 'SETGID', 'SETPCAP', 'SETUID', 'SYS_CHROOT', 'IPC_LOCK', 'SYS_NICE'],
];

/** `[kernelet]`: keys that upstream doesn't have. */
export const kerneletSection = {
  name: 'kernelet',
  description: 'Keys of kernelet itself, in either mode.',
  keys: {
    'state-dir': key(optional(path), {
      default: null,
      description:
        'Folder of everything that must outlive the daemon. None given: `/var/lib/kernelet` for root, `$XDG_STATE_HOME/kernelet` or `~/.local/state/kernelet` for others; in cluster mode `kernelet` below `agent.var-base-path`.',
      environment: ['KERNELET_STATE_DIR'],
    }),
    socket: key(optional(path), {
      default: null,
      description:
        'UNIX socket of the local API. None given: `/run/kernelet/kernelet.sock` for root, `$XDG_RUNTIME_DIR/kernelet/kernelet.sock` (else in the state folder) for others; in cluster mode in `agent.ipc-base-path`.',
      environment: ['KERNELET_SOCKET'],
    }),
    'volume-dir': key(optional(path), {
      default: null,
      description:
        'Folder of the runner volumes, which several agents may share. None given: `volumes` in the state folder.',
      environment: ['KERNELET_VOLUME_DIR'],
    }),
    'docker-host': key(optional(text), {
      default: null,
      description:
        'Address of the container engine, such as `unix:///run/docker.sock`. None given: `/var/run/docker.sock`.',
      environment: ['DOCKER_HOST'],
    }),
    'mount-allow': key(absolutePaths, {
      default: [],
      description:
        'Host folders below which kernels may have mounts. System folders, the state folder and the socket of the engine are refused even then.',
    }),
    'mount-allow-set-id': key(optional(absolutePaths), {
      default: null,
      description:
        'Folders below which kernels in which somebody may be root get writable mounts although the file system is not mounted `nosuid`: set-id programs that they leave there count on this host. None given: none; in a cluster all, each warned of once.',
    }),
    'socket-proxies': key(absolutePaths, {
      default: [],
      description:
        'In cluster mode: sockets of this host that a manager may have kernels reach at the same path (`domain_socket_proxies`), such as `/var/run/docker.sock` for kernels that import images. Whoever reaches the socket of the engine owns this machine. None given: a kernel that is to have one is refused.',
    }),
    'volume-file-systems': key(textList, {
      default: ['nfs', 'nfs4', 'cifs', 'smb3', 'ceph', 'lustre'],
      description:
        'File systems of which a manager has the node mount volumes, in cluster mode. Each is mounted `nosuid,nodev`. What reads disks or folders of this host, runs a program (`fuse.PROGRAM`) or what its server says (`glusterfs`), gives whoever can write to the cluster’s events that.',
    }),
    'default-cpus': key(cpuCount, { default: 1, description: 'CPUs of a kernel that asks for none in particular.' }),
    'default-memory': key(byteSize({ min: 32 * 2 ** 20 }), {
      default: '1g',
      description: 'Memory of a kernel that asks for none in particular.',
    }),
    'default-processes': key(integer({ min: 24, max: 4_194_304 }), {
      default: 512,
      description: 'How many processes and threads a kernel may have.',
    }),
    'default-network': key(choice(['none', 'bridge']), {
      default: 'bridge',
      description:
        'Network of a kernel whose request names none: `none`, or `bridge`, which reaches neither other kernels nor this host.',
    }),
    'default-image-pull': key(choice(['never', 'missing', 'always']), {
      default: 'missing',
      description: 'When images are pulled, for a request that does not say.',
    }),
    'kernel-idle-timeout': key(optional(duration({ min: 1000, max: 100 * 24 * 60 * minute })), {
      default: null,
      description: 'Kernels are removed, or paused (`on-idle`), after this long without a run. None given: never.',
    }),
    'on-idle': key(choice(['end', 'pause']), {
      default: 'end',
      description:
        'What is done about a kernel that was idle for `kernel-idle-timeout` or a time-out of its own: `end` removes it, `pause` has its processes stand still until something is asked of it.',
    }),
    'ready-timeout': key(duration({ min: 1000, max: 60 * minute }), {
      default: '60s',
      description: 'How long a kernel may take from its start until it is ready.',
    }),
    'disk-limit': key(optional(byteSize({ min: 2 ** 20 })), {
      default: null,
      description:
        "Bytes that a kernel's writable layer may take. Where the engine's storage driver cannot limit it, kernels get a warning in place of the limit; `kernelet doctor` says why.",
    }),
    'disk-reserve': key(optional(reservedSpace), {
      default: null,
      description:
        'What new kernels leave free of the file systems of the state folder and of the scratch folders: a size, or a part such as 5%. None given: 256m, or 5% where that is less. While less is free, no kernel is made; kernels that are there can take it. 0: nothing.',
    }),
    'default-bandwidth': key(optional(bitRate), {
      default: null,
      description:
        'What the network of a kernel carries in each direction that asks for no rate in particular. None given: no limit. It does not hold for kernels on the network of the host, nor for what kernels of a session say to each other over an overlay.',
    }),
    'connection-limit': key(integer({ min: 0, max: 16_777_216 }), {
      default: 8192,
      description:
        'How many connections begun by one kernel the host follows at a time, those among them that it still remembers after their end. What goes beyond is refused at once. It holds on `bridge` and on networks of sessions on this node. 0: no limit.',
    }),
    'missing-grace': key(duration({ min: 1000, max: 24 * 60 * minute }), {
      default: '5m',
      description:
        'A kernel whose container the engine does not list is missing, and ends when it is still missing after this long.',
    }),
    'on-engine-restart': key(choice(['restart', 'end']), {
      default: 'end',
      description:
        'What is done about kernels whose containers ended with the container engine, or with the machine: `end`, with their files kept, or `restart`, each in a fresh container with its id, files, ports, devices and environment. That is tried five times in a row at most; what ran is gone either way.',
    }),
    'trash-keep': key(duration({ min: 0, max: 100 * 24 * 60 * minute }), {
      default: '24h',
      description:
        'How long the files of a kernel are kept whose end nobody asked for; `kernelet restore` brings them back. 0s: not at all.',
    }),
    'trash-size': key(byteSize(), {
      default: '20g',
      description:
        'Bytes that files kept for that may take in all; the oldest go first, and a home that is larger goes at once. They also go while less than a tenth of the disk, or 1 GiB of a large one, is free.',
    }),
    'open-files': key(optional(integer({ min: 256, max: maxOpenFiles })), {
      default: null,
      description: `How many files a process of a kernel may have open. None given: as many as the engine gives, but no more than ${maxOpenFiles}. More than the engine can give is capped, with a warning.`,
    }),
    'kernel-uid-range': key(userRange, {
      default: [2_000_000, 2_065_535],
      description:
        'Users of this host of which each kernel has one of its own, when the agent is root, in no cluster, the engine changes no ids, and `container.kernel-uid` names none. Kernels with mounts have the common one, since the owners of those folders are made for it. Ids in `/etc/passwd`, `group`, `subuid` and `subgid` are left out. Nothing else should use them.',
    }),
    'oci-runtime': key(optional(text), {
      default: null,
      description:
        "OCI runtime of kernels, by its name in the engine's configuration, such as `runsc`. It is tried at the start, in the background, and kernels are refused when none runs under it. None given: the engine's default.",
    }),
    'oci-runtimes': key(textList, {
      default: [],
      description:
        'OCI runtimes that requests may name (`--runtime`) beside that; each is tried in the same way. A weaker one than `oci-runtime` is a way around it.',
    }),
    'device-plugins': key(textList, {
      default: [],
      description:
        'Device plugins of third parties, by package name or absolute path of a module. Each runs in a process of its own.',
    }),
    'plugin-options': key(optionTables, {
      default: {},
      description:
        'Options of device plugins: a table for each, by its name (`cuda`, `mock`, or as in `device-plugins`).',
    }),
    infiniband: key(optional(strictBoolean), {
      default: null,
      description:
        'Whether kernels get the devices of InfiniBand (`/dev/infiniband`) and may lock as much memory as the agent may, which transfers by it need, where this machine has some (`uverbs0`). None given: true in cluster mode, false else.',
    }),
    'image-bootstrap': key(optional(choice(['never', 'root'])), {
      default: null,
      description:
        'Whether the script of an image (`/opt/container/bootstrap.sh`) is run before a kernel is ready: `never`, or as `root` of its container. None given: `root` in cluster mode, since its images expect it, `never` else. With `root` no kernel joins a prewarmed network, so that nobody who was root has been in it.',
    }),
    'writable-root': key(optional(choice(['never', 'on-request', 'always'])), {
      default: null,
      description:
        'Which kernels can write to the root file systems of their containers, as far as the image’s permissions let them: none (`never`), those made with `--writable` (`on-request`), or all (`always`). The others write to their home, and to `/tmp`, `/var/tmp` and `/run` in their memory. None given: `on-request`; `always` in cluster mode, whose sessions are set up and committed there, and with `image-bootstrap = "root"`. Sessions that may use `sudo` always can.',
    }),
    'image-capabilities': key(capabilities, {
      default: imageCapabilities,
      description:
        "In cluster mode: capabilities that the script of an image (`/opt/container/bootstrap.sh`) has as root before a kernel is ready, and root in sessions that may use `sudo`. Everything else has the runner's alone, for good. Name those that shall stay.",
    }),
    'require-rpc-auth': key(strictBoolean, {
      default: false,
      description:
        'In cluster mode: refuses to start without the keys by which calls are encrypted and known to be the manager’s (`agent.rpc-auth-agent-keypair`, `agent.rpc-auth-manager-public-key`). Without them whoever reaches the RPC port owns this machine.',
    }),
    'watcher.supervise': key(strictBoolean, {
      default: false,
      description:
        'Whether the watcher runs the agent itself, as a process of its own that it starts, ends and starts again, instead of having systemd do it by `watcher.target-service`.',
    }),
    'watcher.allow-insecure-token': key(strictBoolean, {
      default: true,
      description:
        'Whether the watcher does what it is asked for while the token is `insecure`, as it is to everybody when nobody has set `config/watcher/token` in etcd. `false`: it then says how the agent is, and nothing else.',
    }),
    'loosen.capabilities': key(capabilities, {
      default: [],
      description: 'Capabilities that kernels get beyond those that the runner needs.',
    }),
    'loosen.seccomp-unconfined': key(strictBoolean, {
      default: false,
      description: 'Switches off the filter of system calls.',
    }),
    'loosen.new-privileges': key(strictBoolean, {
      default: false,
      description: 'Lets set-id programs in kernels gain privileges.',
    }),
    'loosen.no-process-limit': key(strictBoolean, {
      default: false,
      description: 'Lets kernels have any number of processes, whatever their request says.',
    }),
    'loosen.no-memory-limit': key(strictBoolean, {
      default: false,
      description: 'Lets kernels take all memory of this machine; what a request says is then counted, not enforced.',
    }),
    'loosen.no-cpu-limit': key(strictBoolean, {
      default: false,
      description: 'Lets kernels use all CPUs; what a request says is then counted, not enforced.',
    }),
    'metadata-server': key(strictBoolean, {
      default: true,
      description:
        'In cluster mode: whether kernels are told what they are at http://169.254.169.254, their environment among it.',
    }),
    'loosen.cluster-services': key(strictBoolean, {
      default: false,
      description:
        'In cluster mode: lets kernels reach etcd, Redis and, from networks of several nodes, the ports of this agent. Whoever can use these owns every node of the cluster.',
    }),
    'loosen.swap': key(strictBoolean, {
      default: false,
      description: 'Lets kernels swap: the limit on memory then leaves out what is swapped out.',
    }),
  },
} as const satisfies SectionDefinition;
