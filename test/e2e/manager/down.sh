#!/usr/bin/env bash
# Stops what up.sh started, by recorded process ids. Data and logs stay.
. "$(dirname "$0")/env.sh"
stop storage 5
stop manager 20
if [ -d "$E2E_HOME/postgres/data" ]; then
  (cd / && as_postgres "$(postgres_bin)/pg_ctl" -D "$E2E_HOME/postgres/data" -m fast -t 20 stop) >/dev/null 2>&1
fi
stop redis 5
stop etcd 5
exit 0
