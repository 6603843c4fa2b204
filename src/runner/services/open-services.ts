/**
 * Puts the services of a kernel together: those of its image, of its language for images that define none of the name (spec
 * kernel-runner 11.5), and the runner's own. Loaded only where a kernel has some.
 */
import { existsSync } from 'node:fs';
import type { Clock } from '../../lib/clock.ts';
import { containerPaths } from '../../protocol/image-contract.ts';
import type { DeclaredService } from '../../protocol/kernel-services.ts';
import type { RuntimeContext } from '../runtime.ts';
import type { Tenant } from '../tenant.ts';
import { volumePaths } from '../volume-paths.ts';
import { readDefinitions, type ServiceDefinition } from './definition.ts';
import { type BuiltInService, Services } from './services.ts';
import { sshServer } from './ssh-server.ts';
import { TerminalService } from './terminal-service.ts';

/** What the runner has for the services that it opens. */
export interface ServicesContext {
  readonly declared: readonly DeclaredService[];
  readonly tenant: Tenant;
  readonly clock: Clock;
  readonly runtimeType: string;
  readonly isTerminalLocal: boolean;
  readonly context: Pick<RuntimeContext, 'tool' | 'temporaryPath'>;
  /** Does something with files with the tenant's ids. */
  asTenant<T>(action: () => T): T;
  problem(text: string): void;
}

/** Reads the image's definitions; nothing is started yet. */
export function openServices(servicesContext: ServicesContext): Services {
  const { declared, tenant, clock, runtimeType, context, asTenant, problem } = servicesContext;
  const ofImage = asTenant(() => readDefinitions(containerPaths.serviceDefinitions, problem));
  return new Services({
    declared,
    definitions: new Map([...runtimeServices(runtimeType), ...ofImage]),
    builtIn: builtInServices(servicesContext),
    tenant,
    clock,
    runtimePath: context.tool ?? '',
    temporaryPath: (ending) => {
      const path = context.temporaryPath(ending);
      return existsSync('/tmp') ? path.replace(`${tenant.home}/.`, '/tmp/') : path;
    },
  });
}

function builtInServices({
  declared,
  tenant,
  clock,
  isTerminalLocal: isLocal,
  asTenant,
}: ServicesContext): ReadonlyMap<string, BuiltInService> {
  const services = new Map<string, BuiltInService>();
  for (const { name, ports } of declared) {
    const [port = 0] = ports;
    if (name === 'sshd') services.set(name, sshServer({ port, tenant, clock, asTenant }));
    if (name === 'ttyd') services.set(name, new TerminalService({ port, tenant, clock, shell: loginShell(), isLocal }));
  }
  return services;
}

/** The most comfortable one that the image has. */
function loginShell(): readonly string[] {
  const shells = ['/bin/zsh', '/bin/bash', '/bin/ash', '/bin/sh'];
  return [shells.find((path) => existsSync(path)) ?? volumePaths.shell, '-l'];
}

const define = (command: readonly string[], more: Partial<ServiceDefinition> = {}): ServiceDefinition => ({
  command,
  noop: false,
  urlTemplate: '',
  prestart: [],
  env: [],
  allowedEnvs: [],
  allowedArguments: [],
  defaultArguments: {},
  ...more,
});

/** Whoever reaches the port is let in: who may reach it is decided before it, where the port is published. */
const notebookConfig = [
  'c.NotebookApp.allow_root = True\n',
  'c.NotebookApp.ip = "0.0.0.0"\n',
  'c.NotebookApp.port = {ports[0]}\n',
  'c.NotebookApp.token = ""\n',
  'c.ServerApp.allow_root = True\n',
  'c.ServerApp.ip = "0.0.0.0"\n',
  'c.ServerApp.port = {ports[0]}\n',
  'c.IdentityProvider.token = ""\n',
  'c.FileContentsManager.delete_to_trash = False\n',
  "c.NotebookApp.tornado_settings = {{'ws_ping_interval': 10000}}\n",
  "c.ServerApp.tornado_settings = {{'ws_ping_interval': 10000}}\n",
];

const notebook = (module: string): ServiceDefinition =>
  define(['{runtime_path}', '-m', module, '--no-browser', '--config', '{config}'], {
    prestart: [{ do: 'write_tempfile', body: notebookConfig, mode: '644', ref: 'config' }],
  });

const logs = '/home/work/logs';

const python: Readonly<Record<string, ServiceDefinition>> = {
  jupyter: notebook('notebook'),
  jupyterlab: notebook('jupyterlab'),
  ipython: define(['{runtime_path}', '-m', 'IPython']),
  sftp: define(['{runtime_path}', '-m', 'sftpserver', '--port', '{ports[0]}']),
  tensorboard: define(
    [
      ...['{runtime_path}', '-m', 'tensorboard.main', '--logdir', logs],
      ...['--host', '0.0.0.0', '--port', '{ports[0]}', '--debugger_port', '6064'],
    ],
    { prestart: [{ do: 'mkdir', path: logs, ref: null }] },
  ),
};

/** The services of a type of runtime, by name. */
function runtimeServices(type: string): ReadonlyMap<string, ServiceDefinition> {
  return new Map(type === 'python' ? Object.entries(python) : []);
}
