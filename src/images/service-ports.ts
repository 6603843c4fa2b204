/**
 * The label `service-ports` of an image: which services an image offers, over which protocol and ports (spec
 * kernel-lifecycle 2.2, kernel-runner 11.1). A tenant writes it, so nothing here throws.
 */

/** How a service is reached; `preopen` services are started by the image itself. */
export type ServiceProtocol = 'tcp' | 'http' | 'preopen';

/** A service that an image offers. */
export interface ServicePort {
  readonly name: string;
  readonly protocol: ServiceProtocol;
  readonly containerPorts: readonly number[];
  /** Whether it answers a model's requests. */
  readonly isInference: boolean;
}

/** What was read, and what could not be. */
export interface ServicePorts {
  readonly services: readonly ServicePort[];
  readonly problems: readonly string[];
}

const lowestPort = 1025;
const highestPort = 65_534;
/** The runner's own (2000 and 2001 of upstream's, 2002, 2003), the SSH and the terminal server. */
const reservedPorts: ReadonlySet<number> = new Set([2000, 2001, 2002, 2003, 2200, 7681]);
/** What the runner's own services are called: of two with one name, neither would be the one that was meant. */
const reservedNames: ReadonlySet<string> = new Set(['sshd', 'ttyd']);
const maxPorts = 64;
const protocols: readonly ServiceProtocol[] = ['tcp', 'http', 'preopen'];

/** One item and the comma behind it; sticky, and no two parts can match the same text, so time is linear. */
const itemForm = /\s*([\p{L}\p{N}_-]+):([\p{L}\p{N}_]+):(?:(\d+)|\[\s*(\d+(?:\s*,\s*\d+)*)\s*\])\s*(?:,|$)/uy;

/**
 * Reads the label. Items that are wrong are left out with a problem; from the first text that is no item on, the rest
 * is left out. Of two items with one name the later one counts.
 */
export function parseServicePorts(label: string, endpoints: readonly string[]): ServicePorts {
  const services = new Map<string, ServicePort>();
  const problems: string[] = [];
  const used = new Set<number>();
  let at = 0;
  while (label.slice(at).trim() !== '') {
    itemForm.lastIndex = at;
    const [, name, protocol, single, list] = itemForm.exec(label) ?? [];
    if (name === undefined || protocol === undefined) {
      problems.push(
        `Invalid service-ports format at ${JSON.stringify(label.slice(at, at + 40))}: write NAME:PROTOCOL:PORT or NAME:PROTOCOL:[PORT,PORT]`,
      );
      break;
    }
    at = itemForm.lastIndex;
    if (protocol === 'pty') continue;
    if (reservedNames.has(name)) {
      problems.push(`${quote(name)} is the name of a service of the runner's own`);
      continue;
    }
    const known = protocols.find((candidate) => candidate === protocol);
    if (known === undefined) {
      problems.push(`Unsupported service port protocol ${quote(protocol)} of ${quote(name)}: use tcp, http or preopen`);
      continue;
    }
    const ports = (single ?? list ?? '').split(',').map(Number);
    const problem = portsProblem(name, ports, used);
    if (problem !== null) {
      problems.push(problem);
      continue;
    }
    for (const port of ports) used.add(port);
    if (services.delete(name)) problems.push(`${quote(name)} is named twice: the later one counts`);
    services.set(name, { name, protocol: known, containerPorts: ports, isInference: endpoints.includes(name) });
  }
  return { services: [...services.values()], problems };
}

function portsProblem(name: string, ports: readonly number[], used: ReadonlySet<number>): string | null {
  if (used.size + ports.length > maxPorts) return `${quote(name)} has too many ports: an image can have ${maxPorts}`;
  const own = new Set<number>();
  for (const port of ports) {
    const which = `port ${port} of ${quote(name)}`;
    if (used.has(port) || own.has(port)) return `${which} is already used`;
    if (port < lowestPort) return `${which} must be larger than ${lowestPort - 1}`;
    if (port > highestPort) return `${which} must be smaller than ${highestPort + 1}`;
    if (reservedPorts.has(port)) return `${which} is reserved for the runner`;
    own.add(port);
  }
  return null;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
