/**
 * The layer rule (ARCHITECTURE.md): imports go down only, and the folders of one row don't import each other.
 * `scripts/layers.mjs` runs this and also checks that each rule names modules that are there and that planted violations fail.
 */
const rows = [
  ['main'],
  ['backendai', 'cli', 'http', 'daemon'],
  ['agent'],
  ['kernel'],
  ['runner-client', 'images', 'storage', 'network', 'stats', 'events'],
  ['engine', 'devices'],
  ['resources'],
  ['protocol', 'config'],
  ['lib'],
];
const folder = (names) => `^src/(${names.join('|')})/`;
const rules = rows.flatMap((row, index) => {
  const above = rows.slice(0, index).flat();
  const upward = above.length
    ? [{ name: `no-upward-from-${row[0]}`, severity: 'error', from: { path: folder(row) }, to: { path: folder(above) } }]
    : [];
  const sideways = row.flatMap((name) => {
    const others = row.filter((other) => other !== name);
    const allowed = {
      cli: '^src/http/(api-types|limits)\\.ts$',
      backendai: '^src/cli/(command|config-options|commands/index)\\.ts$',
    }[name];
    if (others.length === 0) return [];
    const to = { path: folder(others), ...(allowed ? { pathNot: allowed } : {}) };
    return [{ name: `no-sideways-from-${name}`, severity: 'error', from: { path: folder([name]) }, to }];
  });
  return [...upward, ...sideways];
});

/** Each third-party package enters by one module. */
const packages = {
  commander: '^src/cli/program\\.ts$',
  '@hono/node-server': '^src/http/server\\.ts$',
  pino: '^src/lib/log\\.ts$',
  'decimal.js': '^src/lib/decimal\\.ts$',
  'smol-toml': '^src/config/toml\\.ts$',
  koffi: '^src/lib/foreign-functions\\.ts$',
  'modern-tar': '^src/lib/tar\\.ts$',
  yaml: '^src/backendai/rpc/create-kernels/definition-module\\.ts$',
  ws: '^src/runner/terminal/websocket\\.ts$',
  zeromq: '^src/backendai/transport/zeromq\\.ts$',
  '@connectrpc/connect': '^src/backendai/etcd/endpoint\\.ts$',
  '@connectrpc/connect-node': '^src/backendai/etcd/endpoint\\.ts$',
  '@bufbuild/protobuf': '^src/backendai/etcd/etcd_pb\\.ts$',
  '@redis/client': '^src/backendai/redis/connection\\.ts$',
};
const packageRules = Object.entries(packages).map(([name, module]) => ({
  name: `one-module-imports-${name}`,
  severity: 'error',
  from: { path: '^src/', pathNot: module },
  to: { path: `node_modules/${name}/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...rules,
    ...packageRules,
    {
      name: 'backendai-by-one-file',
      comment:
        'What exists for a manager alone is one room. The composition root enters it by its index; nobody else does, by the rows.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/backendai/' },
      to: { path: '^src/backendai/', pathNot: '^src/backendai/index\\.ts$' },
    },
    { name: 'no-cycles', severity: 'error', from: { path: '^src/' }, to: { circular: true } },
    {
      name: 'program-without-its-tests',
      comment: 'Test doubles and generators of documents stand outside of the program.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^\\w.*\\.m?[jt]s$', pathNot: '^(src|node_modules)/' },
    },
    {
      name: 'runner-stands-alone',
      comment: 'The runner is a program of its own inside the container.',
      severity: 'error',
      from: { path: '^src/runner/' },
      to: { path: '^src/', pathNot: '^src/(runner|protocol|lib)/' },
    },
    {
      name: 'nobody-imports-the-runner',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runner/' },
      to: { path: '^src/runner/' },
    },
    {
      name: 'protocol-and-runner-without-packages',
      severity: 'error',
      from: {
        path: '^src/(protocol|runner|backendai/wire)/',
        pathNot: '^src/runner/terminal/(pty|websocket)\\.ts$',
      },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '\\.test\\.ts$' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
