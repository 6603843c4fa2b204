/** Services that a language brings for images that define none of the name (spec kernel-runner 11.5). */
import type { ServiceDefinition } from './definition.ts';

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
export function runtimeServices(type: string): ReadonlyMap<string, ServiceDefinition> {
  return new Map(type === 'python' ? Object.entries(python) : []);
}
