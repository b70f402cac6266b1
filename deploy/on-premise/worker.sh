#!/usr/bin/env bash
# Joins this machine to a Ray cluster, with all its cores and GPUs unless options say otherwise.
#
#   ./worker.sh HEAD:6379 [ray start options]        such as --num-cpus=8 --num-gpus=2
#
# Needs the head's token, and the very same Python, Ray and pinn-sweeps.
set -euo pipefail

head=${1:?usage: ./worker.sh HEAD:6379 [ray start options]}
shift
token=~/.ray/auth_token
if [ ! -s "$token" ]; then
  echo "no $token: copy it from the head, mode 600; without it Ray refuses this machine" >&2
  exit 1
fi
chmod 600 "$token"

RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 ray start --address="$head" "$@"
