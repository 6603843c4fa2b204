/** Go: a program is built and then run, so that its status is its own, which `go run` does not hand on. */
import { compiledRuntime } from './compiled.ts';
import { nothing, pathWith, runMain, steps } from './plan.ts';

/** A module is built as it says; else the files of the home itself, which are one package. `$1` go. */
const buildScript = `go=$1
if [ -f go.mod ]; then exec "$go" build -o main .; fi
if [ ! -f main.go ]; then
  echo "kernelet: no Makefile, go.mod or main.go to build" >&2
  exit 127
fi
shift
for file in *.go; do
  case $file in *_test.go) ;; *) set -- "$@" "./$file" ;; esac
done
exec "$go" build -o main "$@"`;

/** Go programs, with Makefile, go.mod and main.go as batch steps. */
export const golang = compiledRuntime({
  type: 'golang',
  language: 'go',
  tools: ['go', '/usr/local/go/bin/go'],
  missing: 'this image has no Go (go)',
  suffix: '.go',
  inFolder: true,
  compile: (go, source, program) => [go, 'build', '-o', program, source],
  keepsMain: false,
  environ: (context) => ({
    GOPATH: context.home,
    PATH: pathWith(context, ['/go/bin', '/usr/local/go/bin', `${context.home}/bin`]),
  }),
  clean: () => nothing(),
  build: (go) => ({ text: buildScript, args: [go] }),
  exec: (context) => steps(runMain(context, 'main', ['./main'])),
});
