#!/usr/bin/env bash
# Makes the tracking server's passwords, once, in ./secrets, readable by you alone.
set -euo pipefail
cd "$(dirname "$0")"

umask 077
mkdir secrets || { echo "there are secrets already; the database knows them: keep them" >&2; exit 1; }
for name in postgres-password admin-password flask-key; do
  openssl rand -hex 24 >"secrets/$name"
done
printf '*:*:mlflow:mlflow:%s\n' "$(<secrets/postgres-password)" >secrets/pgpass
