#!/usr/bin/env bash
# Install Slurm where it is missing, and run the workflow on a cluster of one node: make slurm-test
set -euo pipefail
cd "$(dirname "$0")/../.."

skip() {
  echo "slurm-test: skipped, $1"
  exit 0
}

[ "$(id -u)" = 0 ] || skip "it starts Slurm's daemons, for which one has to be root"
if ! command -v slurmctld slurmd munged >/dev/null; then
  command -v apt-get >/dev/null || skip "Slurm is not installed, and there is no apt-get to install it"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install --yes -qq --no-install-recommends slurm-wlm munge; } ||
    skip "slurm-wlm and munge cannot be installed"
fi
settings=/etc/slurm/slurm.conf
if [ -e "$settings" ] && ! grep -q "tests of sharedim" "$settings"; then
  skip "this machine has a Slurm of its own, as $settings says"
fi

exec .venv/bin/pytest tests/slurm "$@"
