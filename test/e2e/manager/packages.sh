#!/usr/bin/env bash
# Installs what the manager needs: programs from the distribution, and the manager itself from PyPI in an environment that
# is kept in the project's cache. Does nothing when all is there.
set -eo pipefail
. "$(dirname "$0")/env.sh"

# Another part of the tests may be reading the lists too.
read_lists() { for _ in $(seq 20); do apt-get -q update >"$log/apt.log" 2>&1 && return 0; sleep 3; done; }
install() { apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@" >>"$log/apt.log" 2>&1; }
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1

missing=""
for pair in etcd:etcd-server etcdctl:etcd-client redis-server:redis-server curl:curl; do
  command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair##*:}"
done
[ -n "$(postgres_bin)" ] || missing="$missing postgresql"
if [ -n "$missing" ]; then
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "missing:$missing"
  echo "installing$missing"
  read_lists
  # shellcheck disable=SC2086
  install $missing || { tail -20 "$log/apt.log" >&2; fail "apt-get failed"; }
fi

[ -e "$venv/.done" ] && exit 0
# The first interpreter that works: a name may be there that only tells which versions could be chosen.
find_python() {
  local version python
  for version in 3.12 3.11; do
    for python in ${E2E_PYTHON:-} "$(command -v "python$version" || true)" "$HOME"/.pyenv/versions/"$version".*/bin/python; do
      if [ -x "$python" ] && "$python" -c 'import sys, venv, ensurepip; assert sys.version_info[:2] in ((3, 11), (3, 12))' 2>/dev/null; then
        echo "$python"; return
      fi
    done
  done
}
python="$(find_python)"
if [ -z "$python" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  read_lists
  for version in 3.12 3.11; do install "python$version-venv" && break; done
  python="$(find_python)"
fi
[ -n "$python" ] || fail "Python 3.12 or 3.11 with venv is missing (E2E_PYTHON)"
echo "installing the manager from PyPI for $("$python" --version)"
rm -rf "$venv"
"$python" -m venv "$venv"
# The packages name one patch release of Python 3.12 as theirs; any will do.
"$venv/bin/python" -m pip install --quiet --no-deps --ignore-requires-python --requirement "$requirements" >"$log/pip.log" 2>&1 || { tail -20 "$log/pip.log" >&2; fail "pip failed"; }
# What they take from Python 3.12 is one name, which 3.11 has under another.
if ! "$venv/bin/python" -c 'from typing import override' 2>/dev/null; then
  site="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
  printf '%s\n' 'import typing, typing_extensions' 'typing.override = typing_extensions.override' >"$site/typing_override.py"
  echo 'import typing_override' >"$site/typing_override.pth"
fi
touch "$venv/.done"
