# Sourced by the other scripts. All state lies in $E2E_HOME, which the user postgres must be able to reach and whose path
# must be short enough for UNIX sockets; every port can be given.
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(cd "$here/../../.." && pwd)"
E2E_HOME="${E2E_HOME:-${TMPDIR:-/tmp}/kernelet-e2e}"
run="$E2E_HOME/run" log="$E2E_HOME/log" conf="$E2E_HOME/conf"
postgres_port="${E2E_POSTGRES_PORT:-15432}"
etcd_port="${E2E_ETCD_PORT:-12379}" etcd_peer_port="${E2E_ETCD_PEER_PORT:-12380}"
redis_port="${E2E_REDIS_PORT:-16379}"
manager_port="${E2E_MANAGER_PORT:-18081}"
storage_client_port="${E2E_STORAGE_CLIENT_PORT:-18021}" storage_manager_port="${E2E_STORAGE_MANAGER_PORT:-18022}"
monitor_port="${E2E_MONITOR_PORT:-28181}"     # and the three after it: consoles of the manager and the storage proxy
namespace="${E2E_NAMESPACE:-local}"
kernel_user="${E2E_KERNEL_USER:-1000}"
requirements="$here/requirements.txt"
venv="${E2E_VENV:-$root/.cache/e2e/venv-$(sha256sum "$requirements" | cut -c1-12)}"
image="stable/kpy:3.11-debian12"              # the manager calls it local/stable/kpy:3.11-debian12
base_image="${E2E_BASE_IMAGE:-kernelet/python:latest}"
postgres_bin() { ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1; }
export E2E_HOME

fail() { echo "$*" >&2; exit 1; }
alive() { [ -s "$run/$1.pid" ] && kill -0 "$(cat "$run/$1.pid")" 2>/dev/null; }

# start NAME CMD...: in a session of its own, its pid recorded, its output in $log/NAME.log.
start() {
  local name=$1; shift
  if alive "$name"; then return 0; fi
  setsid nohup "$@" >>"$log/$name.log" 2>&1 </dev/null &
  echo $! >"$run/$name.pid"
}

# stop NAME SECONDS: asks the recorded process to end, and ends its group when that takes longer.
stop() {
  local name=$1 limit=$2 pid
  alive "$name" || { rm -f "$run/$name.pid"; return 0; }
  pid=$(cat "$run/$name.pid")
  kill -TERM "$pid" 2>/dev/null
  for _ in $(seq $((limit * 5))); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  if kill -0 "$pid" 2>/dev/null; then kill -KILL -- "-$pid" 2>/dev/null; fi
  rm -f "$run/$name.pid"
}

# wait_port PORT SECONDS NAME: until something listens; shows the end of NAME's log when nothing does.
wait_port() {
  for _ in $(seq $(($2 * 5))); do
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
    sleep 0.2
  done
  tail -20 "$log/$3.log" >&2
  fail "$3 does not listen on port $1 after $2 s"
}

as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }
