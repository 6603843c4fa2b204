#!/usr/bin/env bash
# Stops what up.sh started, by recorded process ids, and removes what agents that were killed have left in the engine. Data
# and logs stay.
. "$(dirname "$0")/env.sh"
for folder in "$E2E_HOME"/i-*/state; do
  [ -d "$folder" ] || continue
  owner="label=ai.backend.owner=$(basename "$(dirname "$folder")")"
  docker ps -aq --filter "$owner" | xargs -r docker rm -f >/dev/null
  docker network ls -q --filter "$owner" | xargs -r docker network rm >/dev/null
done
stop storage 5
stop manager 20
if [ -d "$E2E_HOME/postgres/data" ]; then
  (cd / && as_postgres "$(postgres_bin)/pg_ctl" -D "$E2E_HOME/postgres/data" -m fast -t 20 stop) >/dev/null 2>&1
fi
stop redis 5
stop etcd 5
exit 0
