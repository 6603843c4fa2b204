/** How the kernels of a session reach each other by SSH without a question (spec kernel-runner 16.3). Pure. */
import { sshFiles } from '../../protocol/ssh-files.ts';

const serverPort = 2200;
const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

/** The text for `~/.ssh/config`; empty when the session has no keys of its own, or none that can be used. */
export function clusterHosts(
  folder: string,
  read: (path: string) => string | null,
  replicas: string | undefined,
): string {
  if (read(`${folder}/${sshFiles.clusterKey}`) === null || read(`${folder}/${sshFiles.clusterPublicKey}`) === null)
    return '';
  const mapping = read(`${folder}/${sshFiles.portMapping}`);
  const blocks = mapping === null ? byRole(replicas || 'main:1') : byMapping(mapping);
  const common = ['StrictHostKeyChecking no', `IdentityFile ${folder}/${sshFiles.clusterKey}`];
  return blocks.map(([host, ...lines]) => [`Host ${host}`, ...lines, ...common].join('\n  ')).join('\n');
}

/** Kernels of a role have its name and a number. */
function byRole(replicas: string): readonly (readonly string[])[] {
  const roles = replicas.split(',').map((item) => item.split(':')[0]?.trim() ?? '');
  return roles.filter((role) => namePattern.test(role)).map((role) => [`${role}*`, `Port ${serverPort}`]);
}

function byMapping(text: string): readonly (readonly string[])[] {
  let mapping: unknown;
  try {
    mapping = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof mapping !== 'object' || mapping === null) return [];
  return Object.entries(mapping).flatMap(([host, place]: [string, unknown]) => {
    if (!Array.isArray(place) || !namePattern.test(host)) return [];
    const [address, port]: readonly unknown[] = place;
    if (typeof address !== 'string' || !namePattern.test(address) || !Number.isInteger(port)) return [];
    return [[host, `HostName ${address}`, `Port ${String(port)}`]];
  });
}
