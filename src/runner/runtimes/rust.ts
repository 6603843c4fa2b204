/** Rust: single files by rustc, projects by Cargo. */
import { compiledRuntime } from './compiled.ts';
import { batchMode, companion, main, nothing, script, steps } from './plan.ts';

/** `$1` rustc, `$2` Cargo, empty where there is none. */
const buildScript = `if [ -f Cargo.toml ]; then
  if [ -n "$2" ]; then exec "$2" build; fi
  echo "kernelet: this image has no cargo, which builds Cargo.toml" >&2
elif [ -f main.rs ]; then
  exec "$1" -o main main.rs
else
  echo "kernelet: no Makefile, Cargo.toml or main.rs to build" >&2
fi
exit 127`;

/** What Cargo has built, else what rustc has. */
const execScript = `for program in target/debug/* target/release/* ./main; do
  case $program in *.so) continue ;; esac
  if [ -f "$program" ] && [ -x "$program" ]; then exec "$program"; fi
done
echo "kernelet: there is no program in target/debug or target/release, and no ./main to run" >&2
exit 127`;

/** Rust programs, with Makefile, Cargo.toml and main.rs as batch steps. */
export const rust = compiledRuntime({
  type: 'rust',
  language: 'rust',
  tools: ['rustc', '/usr/local/cargo/bin/rustc'],
  missing: 'this image has no Rust (rustc)',
  suffix: '.rs',
  compile: (rustc, source, program) => [rustc, '--crate-name', 'main', '-o', program, source],
  keepsMain: true,
  clean: () => nothing(),
  build: (rustc, context) => ({ text: buildScript, args: [rustc, companion(context, 'cargo') ?? ''] }),
  exec: (context) => steps(main(script(context, execScript), batchMode)),
});
