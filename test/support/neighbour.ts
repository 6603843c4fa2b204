/** A machine on the same link: a network namespace that is joined to this one, as a host beside it is. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

/** Runs a program; throws what it printed when it fails. */
function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
}

/** The neighbour; disposing takes it off the link. */
export class Neighbour implements Disposable {
  readonly address = '10.213.7.2';
  readonly #listeners: ChildProcess[] = [];
  readonly #name = `kernelet-${randomBytes(4).toString('hex')}`;

  constructor() {
    const [here, there, network] = [`n${this.#name.slice(-8)}`, 'eth0', '10.213.7'];
    run('ip', 'netns', 'add', this.#name);
    run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', this.#name);
    run('ip', 'addr', 'add', `${network}.1/30`, 'dev', here);
    run('ip', 'link', 'set', here, 'up');
    run('ip', '-n', this.#name, 'addr', 'add', `${this.address}/30`, 'dev', there);
    run('ip', '-n', this.#name, 'link', 'set', there, 'up');
    run('ip', '-n', this.#name, 'route', 'add', 'default', 'via', `${network}.1`);
  }

  /** Listens there until the disposal; gives the port. */
  async listen(): Promise<number> {
    const program =
      "const server = require('node:net').createServer((socket) => socket.end());" +
      "server.listen(0, '0.0.0.0', () => console.log(server.address().port));";
    const command = ['netns', 'exec', this.#name, process.execPath, '--eval', program];
    const listener = spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#listeners.push(listener);
    const [text] = await once(listener.stdout.setEncoding('utf8'), 'data');
    return Number(text);
  }

  /** Whether a TCP connection from there can be made. */
  reaches(address: string, port: number): boolean {
    const command = ['timeout', '2', 'bash', '-c', `exec 3<>/dev/tcp/${address}/${port}`];
    return spawnSync('ip', ['netns', 'exec', this.#name, ...command]).status === 0;
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listeners) listener.kill('SIGKILL');
    // Its end of the pair goes with it, and this one with that.
    run('ip', 'netns', 'delete', this.#name);
  }
}
