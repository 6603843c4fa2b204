/** A `systemctl` that writes down what it is asked for, and whose units are as a test says. */
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

const script = `#!/bin/sh
cd "$(dirname "$0")/.." || exit 1
[ "$1" = show ] || echo "$*" >>calls
if [ -e "fail-$1" ]; then cat "fail-$1" >&2; exit 1; fi
case $1 in
  start | restart) echo active >state ;;
  stop) echo inactive >state ;;
  show) echo "ActiveState=$(cat state)"; echo SubState=some; echo MainPID=42 ;;
esac
`;

export class FakeSystemctl {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes it below the folder. */
  static async in(folder: string): Promise<FakeSystemctl> {
    const fake = new FakeSystemctl(path.join(folder, 'systemd'));
    await mkdir(fake.programs, { recursive: true });
    const file = path.join(fake.programs, 'systemctl');
    await writeFile(file, script);
    await chmod(file, 0o755);
    await writeFile(path.join(folder, 'systemd', 'state'), 'active\n');
    return fake;
  }

  /** The folder of the program, for `PATH`. */
  get programs(): string {
    return path.join(this.#folder, 'bin');
  }

  /** What it was asked for, but for questions. */
  async calls(): Promise<readonly string[]> {
    const text = await readFile(path.join(this.#folder, 'calls'), 'utf8').catch(() => '');
    return text.split('\n').filter((line) => line !== '');
  }

  /** From here on the verb fails with this text; null: no more. */
  async fail(verb: string, message: string | null): Promise<void> {
    const file = path.join(this.#folder, `fail-${verb}`);
    if (message === null) await rm(file);
    else await writeFile(file, message);
  }
}
