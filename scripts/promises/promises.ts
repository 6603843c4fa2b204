/** What a node promises to its users, and what `docs/PROMISES.md` is made of together with the tags of the tests that hold it. */

export interface NodePromise {
  /** What tags of tests name: `// @promise ID`. */
  readonly id: string;
  /** Whom it is made to; of what keeps people out, whom it stands against. */
  readonly who: string;
  readonly text: string;
}

export interface PromiseSection {
  readonly title: string;
  /** What `who` is. */
  readonly column: 'to' | 'against';
  readonly promises: readonly NodePromise[];
}

const promise = (who: string, id: string, text: string): NodePromise => ({ id, who, text });

export const promiseSections: readonly PromiseSection[] = [
  {
    title: 'A program behaves as at home',
    column: 'to',
    promises: [
      promise(
        'users',
        'program-as-at-home',
        'output, standard input and exit status are the program’s own, byte for byte',
      ),
      promise(
        'users',
        'state-between-queries',
        'a kernel keeps its state between queries, over exceptions and interrupts too',
      ),
      promise('users', 'questions', 'a program that asks gets its answers, and is told when there are no more'),
      promise('users', 'any-image', 'any Linux image has kernels, also one without a file, a user or a shell'),
      promise('users', 'limits-told', 'a program that a limit ends is said to have ended so, with the limit'),
      promise(
        'users',
        'files-carried',
        'files go in and out as they are, whatever their names, and never in part without a word',
      ),
      promise(
        'users',
        'applications',
        'applications, SSH and web terminals start, are reached, and start again when they were ended',
      ),
    ],
  },
  {
    title: 'Nothing is lost',
    column: 'to',
    promises: [
      promise(
        'users',
        'daemon-killed',
        'kernels, their memory, ports and files outlive a daemon that is killed at any instant',
      ),
      promise(
        'users',
        'run-once',
        'a run is run once, and its reader gets all output once, whatever breaks in between',
      ),
      promise(
        'users',
        'homes-kept',
        'the home of a kernel whose end nobody asked for is kept for a while, and comes back',
      ),
      promise(
        'users',
        'other-engine',
        'an engine that is not the one of the kernels has nothing ended, made or deleted',
      ),
      promise(
        'users',
        'missing-first',
        'a kernel whose container is not listed is missing for a while before it is ended',
      ),
      promise('users', 'reboot', 'homes outlive restarts of the engine and of the machine'),
      promise('users', 'restart-not-lost', 'a restart that the engine interrupts is done later, and the home stays'),
      promise('operators', 'stop-ends-nothing', 'a stop, a restart and an update of the daemon end no kernel'),
      promise(
        'operators',
        'damaged-records',
        'a record that cannot be read costs no other kernel, and is made good where its copy can be read',
      ),
      promise(
        'operators',
        'record-first',
        'what is to be done is on disk first, so that a crash leaves nothing that nobody knows of',
      ),
      promise('operators', 'power-loss', 'a loss of power takes nothing that was acknowledged, at whatever instant'),
      promise('operators', 'upgrade', 'the state of the release before is taken over with all that runs'),
      promise('operators', 'runner-generations', 'an agent goes on with kernels whose runner is older'),
      promise(
        'managers',
        'events-once',
        'each event arrives once and in order, over outages of Redis and deaths of the agent',
      ),
      promise(
        'managers',
        'orders-finished',
        'how batch runs and tasks ended is told once, also after the agent was killed',
      ),
      promise('managers', 'found-again', 'sessions are found again after outages of etcd, of Redis and of the agent'),
    ],
  },
  {
    title: 'Nothing is left behind',
    column: 'to',
    promises: [
      promise(
        'operators',
        'creation-undone',
        'a creation that fails, is cancelled or is cut off leaves no container, network, port, device or file',
      ),
      promise('operators', 'nothing-leaks', 'what a kernel held is free after its end, over any number of kernels'),
      promise(
        'operators',
        'foreign-untouched',
        'nothing is removed that is not provably this agent’s own, beside others on one host too',
      ),
      promise(
        'operators',
        'commands-clean',
        'commands that are interrupted, or need no daemon, remove what they have made',
      ),
    ],
  },
  {
    title: 'Nobody waits for ever',
    column: 'to',
    promises: [
      promise(
        'users',
        'runner-silent',
        'a runner that does not answer keeps no command, run or removal beyond its bound',
      ),
      promise('users', 'second-signal', 'a command ends at its second signal, whatever it waits for'),
      promise('users', 'time-limit', 'a run ends at its time limit, with all that it has started'),
      promise(
        'users',
        'engine-hangs',
        'an engine that hangs, refuses or is away has every command end in time, and running kernels usable',
      ),
      promise('users', 'one-hangs-alone', 'what hangs for one kernel holds up no other'),
      promise(
        'users',
        'registry-silent',
        'a registry that says nothing ends with the name of the image, and a pull within its bound',
      ),
      promise('operators', 'disk-hangs', 'a disk that hangs stops nothing but what has to wait for it'),
      promise('operators', 'log-unread', 'a log that nobody reads stops neither the daemon nor its end'),
      promise('operators', 'descriptors', 'the node does not run out of descriptors by what is asked of it'),
      promise(
        'operators',
        'plugins-hang',
        'a device plugin that hangs is ended, and costs those alone who ask for its devices',
      ),
      promise('operators', 'stop-in-time', 'a daemon stops in time, whatever hangs'),
      promise('managers', 'calls-answered', 'each call is answered in the end, also when the engine or a runner hangs'),
      promise('managers', 'services-away', 'heartbeats and kernels go on while Redis or etcd hang or are away'),
    ],
  },
  {
    title: 'Nobody is told a falsehood',
    column: 'to',
    promises: [
      promise('users', 'true-cause', 'why a kernel ended is what has ended it, with its status, signal and last words'),
      promise(
        'users',
        'one-end',
        'a kernel has one end for each beginning, whoever asks for it, and whatever happens twice',
      ),
      promise('users', 'no-silent-gap', 'output or events that are missing are said to be missing'),
      promise('users', 'true-figures', 'figures are what was used, or are said not to be known'),
      promise('users', 'clear-errors', 'what is refused is refused in one sentence that names it and says what to do'),
      promise(
        'operators',
        'degraded-told',
        'a disk, engine or runner that is stalled, full or away is told, and refuses new kernels alone',
      ),
      promise(
        'operators',
        'configuration',
        'a configuration is refused as a whole with each problem named, or in force',
      ),
      promise(
        'operators',
        'service-manager',
        'a service manager is told how the daemon is, and nothing that is not so',
      ),
      promise(
        'operators',
        'resources-add-up',
        'no device, core, port or address is two kernels’, and the sums agree with what runs',
      ),
      promise(
        'developers',
        'api-document',
        'the API answers what its document says, and streams go on where they broke off',
      ),
      promise(
        'managers',
        'same-bytes',
        'what is sent is, byte for byte, what managers and their clients were recorded to take',
      ),
      promise('managers', 'unmodified-manager', 'an unmodified manager of 24.09 makes, uses and ends sessions'),
      promise('managers', 'wrong-calls', 'garbage, damaged calls and too many of them cost their sender alone'),
    ],
  },
  {
    title: 'Isolation is never off unnoticed',
    column: 'to',
    promises: [
      promise(
        'operators',
        'firewall-mended',
        'rules that somebody has removed are put back and counted, and no kernel gets a network while they cannot be',
      ),
      promise('operators', 'loosened-by-name', 'walls are loosened by name alone, each with a warning'),
      promise('operators', 'doctor-probes', 'the doctor looks at what protects the node, and says what does not'),
      promise(
        'users',
        'neighbours',
        'one tenant leaves the other its processor, memory, disk, log and what Linux counts by user',
      ),
      promise('users', 'disk-limits', 'a home with a limit holds that much and no more, and keeps it over restarts'),
    ],
  },
  {
    title: 'Nobody gets in',
    column: 'against',
    promises: [
      promise('tenant', 'no-root', 'its processes are nobody’s root: no capability, no way to gain one'),
      promise('tenant', 'system-calls', 'it has the system calls of a list, the same with every engine'),
      promise(
        'tenant',
        'nothing-of-the-machine',
        'nothing of the machine is open to it but what a list gives a reason for',
      ),
      promise('tenant', 'bounded', 'memory, processes and CPU are bounded'),
      promise('tenant', 'runner-stands', 'it neither ends nor starves the runner'),
      promise('tenant', 'runner-secret', 'it does not speak for the runner, nor with it'),
      promise('tenant', 'runner-violations', 'a runner that it has taken over costs its own kernel'),
      promise(
        'tenant',
        'hostile-runner',
        'in the place of a runner it ends nothing but its own kernel’s runs, and takes nobody’s history, log or time',
      ),
      promise('tenant', 'forged-replies', 'its files forge no reply to somebody else’s request'),
      promise('tenant', 'program-arguments', 'arguments and variables of a program run nothing on the host'),
      promise('tenant', 'no-other-kernel', 'it reaches no other kernel, not the host, no link-local address'),
      promise(
        'tenant',
        'connections',
        'it cannot fill the host’s table of connections, and leaves its neighbours theirs',
      ),
      promise(
        'tenant',
        'no-cluster-services',
        'it reaches neither etcd nor Redis of its cluster, nor the agent’s ports',
      ),
      promise('tenant', 'network-tells-nothing', 'a network that it had tells the next nothing'),
      promise('tenant', 'no-ids-on-network', 'names on the network tell no id of a kernel'),
      promise('tenant', 'mounts', 'no mount shows it the system, the engine or the node’s own state'),
      promise('hostile image', 'image-script', 'its script is not root, but where the operator or the cluster says so'),
      promise('hostile image', 'image-network', 'it leaves nothing in the network of the next kernel'),
      promise(
        'hostile image',
        'image-volumes',
        'its volumes and links do not get between the container and the runner',
      ),
      promise('hostile image', 'image-labels', 'its labels make no container ours'),
      promise('neighbour', 'published-only', 'only published addresses lead to a kernel'),
      promise('neighbour', 'ssh-and-terminal', 'SSH and the web terminal let nobody in who was not let in'),
      promise('neighbour', 'curve', 'with CURVE calls are the manager’s alone'),
      promise('other local user', 'closed-files', 'sockets, state and homes are closed'),
      promise(
        'everybody',
        'secrets',
        'secrets are in no log, error, event, snapshot, figure, label or argument, alone and in a cluster',
      ),
      promise(
        'everybody',
        'hostile-requests',
        'nothing that is asked of the local API is an internal error, or another reply than its document says',
      ),
      promise('manager', 'sudo', 'only a session with `sudo` makes its user root of its container'),
    ],
  },
  {
    title: 'It is fast',
    column: 'to',
    promises: [
      promise('users', 'fast', 'what kernelet adds to the bare engine stays within its budgets'),
      promise('operators', 'steady', 'memory and descriptors stay flat, however much is made, asked and ended'),
    ],
  },
];
