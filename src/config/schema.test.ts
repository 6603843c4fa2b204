import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fuzzRuns } from '../../test/support/depth.ts';
import { RefusedValue } from './definition.ts';
import { ignoredKeyOf, ignoredKeys } from './ignored-keys.ts';
import { configJsonSchema, definitions, sections } from './schema.ts';

it('gives every key a default that its own type accepts, and a description', () => {
  for (const [key, definition] of definitions) {
    expect(() => definition.type.parse(definition.default), key).not.toThrow();
    expect(definition.description, key).toMatch(/^[A-Z`].*\.$/s);
  }
});

it('knows every key of upstream, with effect or without', () => {
  const upstream = {
    etcd: 'namespace addr user password ssl-enabled ssl-ca-cert ssl-cert ssl-key',
    agent: `backend rpc-listen-addr advertised-rpc-addr rpc-auth-manager-public-key rpc-auth-agent-keypair agent-sock-port id
      ipc-base-path var-base-path mount-path cohabiting-storage-proxy public-host region instance-type scaling-group
      scaling-group-type pid-file event-loop skip-manager-detection aiomonitor-termui-port aiomonitor-webui-port
      metadata-server-bind-host metadata-server-port allow-compute-plugins block-compute-plugins image-commit-path
      abuse-report-path force-terminate-abusing-containers kernel-creation-concurrency
      use-experimental-redis-event-dispatcher sync-container-lifecycles.enabled sync-container-lifecycles.interval`,
    container: `kernel-uid kernel-gid bind-host advertised-host port-range stats-type sandbox-type jail-args scratch-type
      scratch-root scratch-size scratch-nfs-address scratch-nfs-options alternative-bridge swarm-enabled`,
    resource: 'reserved-cpu reserved-mem reserved-disk allocation-order affinity-policy',
    debug: `enabled asyncio kernel-runner enhanced-aiomonitor-task-info skip-container-deletion log-stats log-kernel-config
      log-alloc-map log-events log-heartbeats log-docker-events heartbeat-interval coredump.enabled coredump.path
      coredump.backup-count coredump.size-limit`,
    watcher: 'service-addr ssl-enabled ssl-cert ssl-key target-service soft-reset-available',
    logging: `level pkg-ns drivers console.colored console.format file.path file.filename file.backup-count file.rotation-size
      file.format logstash.endpoint logstash.protocol logstash.ssl-enabled logstash.ssl-verify graylog.host graylog.port
      graylog.level graylog.ssl-verify graylog.ca-certs graylog.keyfile graylog.certfile graylog.fqdn graylog.localname`,
    kernelet: `state-dir socket mount-allow mount-allow-set-id default-cpus default-memory default-processes default-network default-image-pull
      kernel-idle-timeout ready-timeout disk-limit loosen.capabilities loosen.seccomp-unconfined loosen.new-privileges
      loosen.no-process-limit`,
    metrics: 'listen period adaptive source',
  };
  for (const [section, keys] of Object.entries(upstream)) {
    for (const name of keys.split(/\s+/))
      expect(
        definitions.has(`${section}.${name}`) || ignoredKeyOf(`${section}.${name}`) !== undefined,
        `${section}.${name}`,
      ).toBe(true);
  }
});

it('has no key of the configuration both with and without effect, and a sentence for each without', () => {
  for (const [key, { text }] of ignoredKeys) {
    expect(ignoredKeyOf(key), key).toBe(key);
    expect([...definitions.keys()].filter((name) => ignoredKeyOf(name) === key)).toEqual([]);
    expect(text, key).toMatch(/^[A-Z`].*[;,.].*\.$/s);
  }
});

it('becomes a JSON Schema with every key, nested tables included', () => {
  const schema = JSON.parse(JSON.stringify(configJsonSchema()));
  expect(Object.keys(schema.properties)).toEqual(sections.map((section) => section.name));
  expect(schema.properties.kernelet.properties.loosen.properties['new-privileges']).toEqual({
    type: 'boolean',
    description: 'Lets set-id programs in kernels gain privileges.',
    default: false,
  });
  expect(schema.properties.agent.properties.mode.deprecated).toBe(true);
  expect(schema.properties.logging.properties.file['x-effect']).toBe('ignored');
  expect(schema.properties.etcd.properties.password.writeOnly).toBe(true);
  expect(schema.then.properties.container).toEqual({ required: ['scratch-type'] });
});

it('has value types that take or refuse whatever a file can hold', () => {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.bigInt(),
    fc.date(),
    fc.stringMatching(/^-?[0-9]{1,12}[.:, -]?[0-9]{0,6} ?[a-zA-Z]{0,3}$/),
  );
  fc.assert(
    fc.property(fc.constantFrom(...definitions), value, ([, definition], written) => {
      try {
        definition.type.parse(written);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(RefusedValue);
      }
    }),
    { numRuns: fuzzRuns(3000) },
  );
});
