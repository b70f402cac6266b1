#!/bin/sh
# MLflow's tracking server for a team, on this machine's loopback. compose.yaml runs it in a container;
# docs/cluster.md has the same as plain commands. From the environment, all optional:
#   SECRETS                        folder with the files that secrets.sh made
#   MLFLOW_BACKEND_STORE_URI       PostgreSQL, without a password; basic_auth.ini says the same
#   MLFLOW_ARTIFACTS_DESTINATION   folder or s3:// address for artifacts
#   MLFLOW_PORT                    5000 unless it says otherwise
#   MLFLOW_SERVER_ALLOWED_HOSTS    names that clients may call it by, with ports, comma-separated
set -eu
here=$(CDPATH='' cd "$(dirname "$0")" && pwd)
secrets=${SECRETS:-/run/secrets}

PGPASSFILE=$secrets/pgpass
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$secrets/admin-password")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$secrets/flask-key")
MLFLOW_AUTH_CONFIG_PATH=${MLFLOW_AUTH_CONFIG_PATH:-$here/basic_auth.ini}
export PGPASSFILE MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY MLFLOW_AUTH_CONFIG_PATH
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false
export MLFLOW_DISABLE_TELEMETRY=true

exec mlflow server --app-name basic-auth --host 127.0.0.1 --port "${MLFLOW_PORT:-5000}" --workers 2 \
  --backend-store-uri "${MLFLOW_BACKEND_STORE_URI:-postgresql://mlflow@/mlflow?host=/var/run/postgresql}" \
  --artifacts-destination "${MLFLOW_ARTIFACTS_DESTINATION:-/artifacts}" \
  --allowed-hosts "${MLFLOW_SERVER_ALLOWED_HOSTS:-localhost:5000,127.0.0.1:5000}"
