# Sourced by up.sh: writes the configuration of the manager and the storage proxy, the keys of the RPC, and what belongs
# into etcd.
storage_secret="e2e-storage-secret-0123456789abcdef"
[ -e "$conf/manager.key_secret" ] || "$venv/bin/python" - "$conf" <<'PYTHON'
import sys
from zmq.auth.certs import create_certificates
for name in ("manager", "agent"):
    create_certificates(sys.argv[1], name)
PYTHON
common="[etcd]
namespace = \"$namespace\"
addr = { host = \"127.0.0.1\", port = $etcd_port }
user = \"\"
password = \"\"
[logging]
level = \"${E2E_LOG_LEVEL:-INFO}\"
drivers = [\"console\"]
[logging.pkg-ns]
\"\" = \"WARNING\"
\"ai.backend\" = \"${E2E_LOG_LEVEL:-INFO}\"
[logging.console]
colored = false
format = \"verbose\"
[debug]
enabled = false"
cat >"$conf/manager.toml" <<TOML
$common
[db]
type = "postgresql"
addr = { host = "127.0.0.1", port = $postgres_port }
name = "backend"
user = "backend"
password = "develove"
[manager]
num-proc = 1
id = "m-e2e"
service-addr = { host = "127.0.0.1", port = $manager_port }
rpc-auth-manager-keypair = "$conf/manager.key_secret"
heartbeat-timeout = 40.0
ipc-base-path = "$E2E_HOME/ipc-manager"
pid-file = "$run/manager-itself.pid"
hide-agents = false
ssl-enabled = false
aiomonitor-termui-port = $monitor_port
aiomonitor-webui-port = $((monitor_port + 1))
[docker-registry]
ssl-verify = false
TOML
cat >"$conf/storage-proxy.toml" <<TOML
$common
[storage-proxy]
node-id = "i-e2e-storage"
num-proc = 1
event-loop = "asyncio"
ipc-base-path = "$E2E_HOME/ipc-storage"
secret = "e2e-storage-token-secret-0123456789"
session-expire = "1d"
user = $kernel_user
group = $kernel_user
aiomonitor-termui-port = $((monitor_port + 2))
aiomonitor-webui-port = $((monitor_port + 3))
[api.client]
service-addr = { host = "127.0.0.1", port = $storage_client_port }
ssl-enabled = false
[api.manager]
service-addr = { host = "127.0.0.1", port = $storage_manager_port }
ssl-enabled = false
secret = "$storage_secret"
[volume.volume1]
backend = "vfs"
path = "$E2E_HOME/volume"
TOML
chown "$kernel_user:$kernel_user" "$E2E_HOME/volume" "$E2E_HOME/ipc-storage" 2>/dev/null || true
cat >"$conf/alembic.ini" <<INI
[alembic]
script_location = ai.backend.manager.models:alembic
sqlalchemy.url = postgresql+asyncpg://backend:develove@127.0.0.1:$postgres_port/backend
[loggers]
keys = root
[handlers]
keys = console
[formatters]
keys = generic
[logger_root]
level = WARN
handlers = console
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = generic
[formatter_generic]
format = %(levelname)s %(name)s %(message)s
INI
while read -r key value; do
  ETCDCTL_API=3 etcdctl --endpoints "http://127.0.0.1:$etcd_port" put "/sorna/$namespace/$key" "$value" >/dev/null
done <<KEYS
config/redis/addr 127.0.0.1:$redis_port
config/docker/image/auto_pull digest
config/watcher/token e2e-watcher-token
config/agent/container-logs/max-length 10M
volumes/default_host local:volume1
volumes/_types/user
volumes/_types/group
volumes/exposed_volume_info percentage
volumes/proxies/local/client_api http://127.0.0.1:$storage_client_port
volumes/proxies/local/manager_api http://127.0.0.1:$storage_manager_port
volumes/proxies/local/secret $storage_secret
volumes/proxies/local/ssl_verify false
KEYS
