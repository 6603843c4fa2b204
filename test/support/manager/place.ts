/** Where the manager of the end-to-end tests is, as `test/e2e/manager/env.sh` lays it out. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..', '..', '..');

export interface ManagerPlace {
  /** The folder of all state, E2E_HOME. */
  readonly home: string;
  /** The interpreter that has the manager's packages. */
  readonly python: string;
  readonly endpoint: string;
  readonly etcdPort: number;
}

const port = (name: string, usual: number): number => Number(process.env[name] ?? usual);

export const managerScripts = path.join(root, 'test', 'e2e', 'manager');

/** The image that sessions are made of, as the manager calls it. */
export const managerImage = 'local/stable/kpy:3.11-debian12';

export function managerPlace(): ManagerPlace {
  const requirements = readFileSync(path.join(managerScripts, 'requirements.txt'));
  const mark = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const environment = process.env['E2E_VENV'] ?? path.join(root, '.cache', 'e2e', `venv-${mark}`);
  return {
    home: process.env['E2E_HOME'] ?? path.join(tmpdir(), 'kernelet-e2e'),
    python: path.join(environment, 'bin', 'python'),
    endpoint: `http://127.0.0.1:${port('E2E_MANAGER_PORT', 18081)}`,
    etcdPort: port('E2E_ETCD_PORT', 12379),
  };
}
