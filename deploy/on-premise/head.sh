#!/usr/bin/env bash
# Starts Ray's head on this machine: it drives studies and runs no trial.
#
#   ./head.sh [ray start options]        such as --node-ip-address=10.0.0.1
#
# Makes the token that every node must have, unless there is one, and says what to do next.
set -euo pipefail

token=~/.ray/auth_token
umask 077
if [ ! -s "$token" ]; then
  ray get-auth-token --generate >/dev/null
fi
chmod 600 "$token"

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
ray start --head --port=6379 --num-cpus=0 --num-gpus=0 --dashboard-host=127.0.0.1 "$@"

echo
echo "Next: copy $token to the same place on each worker (mode 600), then there: ./worker.sh HEAD:6379"
