/**
 * Words that a manager brings, and where they may stand outside of `backendai/` (which is all about it) and `config/`
 * (which reads its keys). Pure.
 */

/** As parts of identifiers, in strings and in comments, whatever their case. */
const words =
  /callosum|etcd|redis|valkey|sentinel|pickle|msgpack|snappy|zeromq|zmq|scaling[ _-]?group|vfolder|manager|(?<![a-z])rpc(?![a-z])|Rpc(?=[A-Z]|\b)|backend\.?ai/gi;

/** The names of other things. */
const otherThings = [
  // What starts and watches the daemon, such as systemd.
  /service[ -]?managers?/gi,
  // Chapters of the specification.
  /\brpc \d+(?:\.\d+)*/gi,
  // Modules, whose imports the layer rule holds.
  /'(?:\.\.?\/)+backendai\/[^']*'/g,
  // Of Jupyter and its settings.
  /\bFileContentsManager\b/g,
];

/** Files that may say these words, each with its reason; a folder ends with a slash. */
export const exceptions = {
  'src/backendai/': 'it is all about the manager',
  'src/config/': 'keys of the configuration are those of a member of a cluster too',
  'src/protocol/image-contract.ts': 'the one table of names that images rely on',
  'src/main/member.ts': 'the root that makes a member out of the adapter and the rest',
  'src/lib/error-codes.ts': 'the one registry of error codes',
};

/** Files that may say the words named, each with its reason. */
export const reasoned = {
  'src/protocol/zmtp.ts': {
    words: ['zeromq'],
    why: 'Jupyter kernels have its sockets, whoever started them, and the agent one',
  },
  'src/runner/jupyter/zmtp-socket.ts': {
    words: ['zeromq'],
    why: 'Jupyter kernels have its sockets, whoever started them',
  },
  'src/agent/hardening.test.ts': {
    words: ['etcd'],
    why: 'it reads a file of settings as a member of a cluster has it',
  },
  'src/cli/commands/config.test.ts': { words: ['etcd', 'rpc'], why: 'it reads files of settings as members have them' },
  'src/cli/commands/serve.ts': {
    words: ['etcd', 'backend.ai'],
    why: '`serve --help` says where files are and what joins',
  },
  'src/cli/exit-status.test.ts': { words: ['etcd', 'redis'], why: 'it names codes of the one registry of errors' },
  'src/daemon/state-snapshot.test.ts': { words: ['etcd'], why: 'it looks for a secret key of the settings of members' },
  'src/devices/discover-devices.test.ts': {
    words: ['etcd', 'backend.ai'],
    why: 'it reads a file of settings as members have it, and sees whom the mock plugin pretends to be of',
  },
  'src/devices/mock-plugin.ts': {
    words: ['backend.ai'],
    why: 'its hardware says what that of the mock plugin of Backend.AI says',
  },
  'src/main/check-settings.test.ts': { words: ['etcd', 'rpc'], why: 'it reads files of settings as members have them' },
  'src/storage/mounts/mount-policy.test.ts': { words: ['etcd'], why: 'it names folders of the host' },
  'src/storage/mounts/mount-policy.ts': { words: ['etcd'], why: 'it names folders of the host that are never mounted' },
  'src/runner/drivers/python-helpers.test.ts': {
    words: ['zmq', 'backend.ai', 'pickle'],
    why: "it reads drawings as clients of Backend.AI do, and base64 and Python's own module have such words",
  },
  'src/runner/drivers/python-driver.test.ts': { words: ['pickle'], why: "it is Python's own module" },
};

/** In tests the names of the image contract stand written out, since they check the table of them. */
const contractNames = /\bBACKENDAI_\w+|\bai\.backend\.|\/?\bbackend\.ai\b/g;

/** The words in the text of this file that belong to a manager: line and word. */
export function wordsOf(path, text) {
  const others = path.endsWith('.test.ts') ? [...otherThings, contractNames] : otherThings;
  return text.split('\n').flatMap((line, index) => {
    const cleaned = others.reduce((rest, thing) => rest.replace(thing, ''), line);
    const found = [...cleaned.matchAll(words)].filter(([word]) => !reasoned[path]?.words.includes(word.toLowerCase()));
    return found.map(([word]) => ({ line: index + 1, word }));
  });
}

/** Whether a file may say them. */
export const isExempt = (path) =>
  Object.keys(exceptions).some((exempt) => (exempt.endsWith('/') ? path.startsWith(exempt) : path === exempt));
