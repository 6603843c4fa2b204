#!/usr/bin/env bash
# Brings up PostgreSQL, etcd, Redis, the unmodified manager and its storage proxy on ports of their own. What is there
# already stays; `up.sh --reset` stops it and begins with empty data.
set -eo pipefail
. "$(dirname "$0")/env.sh"
[ "${1:-}" = --reset ] && { "$here/down.sh"; rm -rf "$E2E_HOME"; }
mkdir -p "$run" "$log" "$conf" "$E2E_HOME"/{etcd,redis,postgres,volume,ipc-manager,ipc-storage}
chmod 755 "$E2E_HOME"
"$here/packages.sh"
bin="$(postgres_bin)"
manager() { (cd "$conf" && "$venv/bin/backend.ai" mgr -f "$conf/manager.toml" "$@"); }

# PostgreSQL, which refuses to run as root
[ "$(id -u)" = 0 ] && chown postgres: "$E2E_HOME/postgres"
[ -d "$E2E_HOME/postgres/data" ] || (cd / && as_postgres "$bin/initdb" -D "$E2E_HOME/postgres/data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync) >"$log/initdb.log" 2>&1
if ! (cd / && as_postgres "$bin/pg_ctl" -D "$E2E_HOME/postgres/data" status) >/dev/null 2>&1; then
  (cd / && as_postgres "$bin/pg_ctl" -D "$E2E_HOME/postgres/data" -l "$E2E_HOME/postgres/postgres.log" -w -t 60 \
    -o "-p $postgres_port -c listen_addresses=127.0.0.1 -k $E2E_HOME/postgres -c max_connections=256 -c fsync=off" start) >/dev/null
fi
sql() { "$bin/psql" -h 127.0.0.1 -p "$postgres_port" -U postgres -qtA "$@"; }
sql -c "select 1 from pg_roles where rolname='backend'" | grep -q 1 || sql -c "create role backend superuser login password 'develove'"
sql -c "select 1 from pg_database where datname='backend'" | grep -q 1 || sql -c "create database backend owner backend"

# etcd and Redis
start etcd etcd --name e2e --data-dir "$E2E_HOME/etcd/data" \
  --listen-client-urls "http://127.0.0.1:$etcd_port" --advertise-client-urls "http://127.0.0.1:$etcd_port" \
  --listen-peer-urls "http://127.0.0.1:$etcd_peer_port" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer_port" \
  --initial-cluster "e2e=http://127.0.0.1:$etcd_peer_port"
start redis redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$E2E_HOME/redis"
wait_port "$etcd_port" 20 etcd
wait_port "$redis_port" 20 redis

# Configuration, RPC keys, schema, fixtures
. "$here/configuration.sh"
if [ ! -e "$conf/.schema-done" ]; then
  manager schema oneshot -f "$conf/alembic.ini" >"$log/schema.log" 2>&1 || { tail -20 "$log/schema.log" >&2; fail "the schema could not be made"; }
  for fixture in base main-keys; do
    manager fixture populate "$here/fixtures/$fixture.json" >>"$log/fixture.log" 2>&1 || { tail -20 "$log/fixture.log" >&2; fail "the fixture $fixture is refused"; }
  done
  [ "$(sql -d backend -c "select count(*) from keypairs")" = 2 ] || fail "the fixtures are not in the database, see $log/fixture.log"
  touch "$conf/.schema-done"
fi

# Images, which the manager finds by looking at the engine. One of them goes away again: for a creation that fails.
docker image inspect "$base_image" >/dev/null 2>&1 || fail "there is no image $base_image"
DOCKER_BUILDKIT=0 docker build -q -t "$image" --build-arg BASE="$base_image" "$here/image" >"$log/build.log" 2>&1 || { tail "$log/build.log" >&2; fail "the image could not be built"; }
if ! sql -d backend -c "select name from images" | grep -q "^local/$image\$"; then
  gone="${image%%/*}/gone:1.0-debian12"
  docker tag "$image" "$gone"
  manager image rescan local >"$log/rescan.log" 2>&1 || { tail -20 "$log/rescan.log" >&2; fail "the manager could not look at the images"; }
  docker rmi "$gone" >/dev/null
  sql -d backend -c "select name from images" | grep -q "^local/$image\$" || fail "the manager does not know local/$image, see $log/rescan.log"
fi

cd "$conf"
start manager "$venv/bin/backend.ai" mgr -f "$conf/manager.toml" start-server
start storage "$venv/bin/backend.ai" storage start-server -f "$conf/storage-proxy.toml"
wait_port "$manager_port" 90 manager
wait_port "$storage_manager_port" 60 storage
for _ in $(seq 60); do curl -sf "http://127.0.0.1:$manager_port/" >/dev/null && exit 0; sleep 0.5; done
tail -20 "$log/manager.log" >&2
fail "the manager does not answer"
