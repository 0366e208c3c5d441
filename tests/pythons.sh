#!/usr/bin/env bash
# Run the tests that need no PyTorch with every supported Python that is here: make test-pythons
# PyTorch for 3.12 and 3.13 brings gigabytes of CUDA along; its own tests run in make test.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

failed=()
for name in python3.11 python3.12 python3.13; do
  if ! "$name" -c "" >/dev/null 2>&1; then
    echo "$name: not found, left out"
    continue
  fi
  python=$(envs/python.sh test-pythons "$name") || { failed+=("$name"); continue; }
  environment=.venv-pythons/${name#python}
  echo "$name: $("$python" --version), in $environment"
  # Nothing may bring PyTorch in by the back door.
  "$python" -m venv "$environment" &&
    grep --no-filename --invert-match '^torch==' requirements.lock requirements-test.lock |
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
      --requirement /dev/stdin --constraint <(echo 'torch<0') &&
    "$environment/bin/python" -m pip install --quiet --disable-pip-version-check \
      --no-deps --no-build-isolation --editable . &&
    "$environment/bin/pytest" --numprocesses 2 --dist loadgroup --no-loadscope-reorder ||
    failed+=("$name")
done
if [ "${#failed[@]}" -gt 0 ]; then
  echo "Failed with ${failed[*]}: why is said above"
  exit 1
fi
