// Networks of a private engine on the host.
//
// Several Docker daemons can share a machine when each has a bridge of its own: a second one would otherwise take over
// `docker0` and hand out addresses that the first has in use. So the private engine always gets a bridge made here, with
// a subnet that no route of the machine overlaps; it never touches `docker0`.
//
// The chains of iptables (DOCKER, DOCKER-ISOLATION-…) have fixed names, and a daemon empties them when it starts. What
// another daemon had in them is noted before the start and put back after it. When the private engine has stopped, its
// bridges and the rules that name them are removed; the daemon itself would leave them.
import { readFile } from 'node:fs/promises';
import { capture } from './command.mjs';

const chains = [
  ['nat', 'DOCKER'],
  ['filter', 'DOCKER'],
  ['filter', 'DOCKER-ISOLATION-STAGE-1'],
  ['filter', 'DOCKER-ISOLATION-STAGE-2'],
];

/** Routes of the machine as [first, last] addresses, without the default route. */
async function routes() {
  const lines = (await readFile('/proc/net/route', 'utf8')).trim().split('\n').slice(1);
  return lines.flatMap((line) => {
    const columns = line.split(/\s+/);
    const [base, mask] = [columns[1], columns[7]].map((hex) =>
      Buffer.from(hex ?? '', 'hex')
        .reverse()
        .readUInt32BE(0),
    );
    return mask === 0 ? [] : [[base, base + (2 ** 32 - 1 - mask)]];
  });
}

/** The address of a gateway whose /20 overlaps no route; the first of 172.31.240.0, 172.31.224.0, … 172.24.0.0. */
async function freeGateway() {
  const taken = await routes();
  const size = 2 ** 12;
  const lowest = (172 * 256 + 24) * 65_536;
  for (let base = (172 * 256 + 32) * 65_536 - size; base >= lowest; base -= size) {
    if (taken.some(([first, last]) => first < base + size && last >= base)) continue;
    const address = base + 1;
    return `${[24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.')}/20`;
  }
  throw new Error('no subnet between 172.24.0.0 and 172.31.255.255 is free for the bridge of the container engine');
}

async function must(program, args) {
  const result = await capture(program, args);
  if (!result.ok) throw new Error(`${program} ${args.join(' ')} failed: ${result.stderr.trim()}`);
  return result.stdout;
}

/** Makes the bridge unless it is there. */
export async function makeBridge(name) {
  if ((await capture('ip', ['link', 'show', name])).ok) return;
  await must('ip', ['link', 'add', 'name', name, 'type', 'bridge']);
  await must('ip', ['address', 'add', await freeGateway(), 'dev', name]);
  await must('ip', ['link', 'set', name, 'up']);
}

async function rulesOf(table, chain) {
  const listed = await capture('iptables', ['-w', '10', '-t', table, '-S', ...(chain ? [chain] : [])]);
  return listed.ok ? listed.stdout.split('\n').filter((line) => line.startsWith('-A ')) : [];
}

/** A rule's text as arguments; quoted comments stay whole. */
const words = (rule) => (rule.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"|"$/g, ''));

/** Notes the rules of other daemons; the result puts back those that are gone. */
export async function guardForeignRules() {
  const before = new Map();
  for (const [table, chain] of chains) before.set(`${table} ${chain}`, await rulesOf(table, chain));
  return async () => {
    for (const [table, chain] of chains) {
      const now = new Set(await rulesOf(table, chain));
      const lost = before.get(`${table} ${chain}`).filter((rule) => !now.has(rule) && rule !== `-A ${chain} -j RETURN`);
      // In front, since the isolation chains end with RETURN; the last first, so that their order stays.
      for (const rule of lost.reverse()) await capture('iptables', ['-w', '10', '-t', table, ...insertion(rule)]);
    }
  };
}

const insertion = (rule) => ['-I', ...words(rule).slice(1)];

/** Removes bridges and every rule that names one. */
export async function removeBridges(names) {
  for (const name of names) await capture('ip', ['link', 'delete', name, 'type', 'bridge']);
  for (const table of ['nat', 'filter']) {
    for (const rule of await rulesOf(table)) {
      const parts = words(rule);
      const named = parts.some((part, at) => ['-i', '-o'].includes(parts[at - 1]) && names.includes(part));
      if (named) await capture('iptables', ['-w', '10', '-t', table, '-D', ...parts.slice(1)]);
    }
  }
}
