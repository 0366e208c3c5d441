#!/usr/bin/env bash
# Follow the README on a bare Debian 12 that has nothing but the packages named there: in a chroot, as an
# ordinary user, in a clone of the last commit. Packages come from where this machine gets them.
#   tests/fresh_machine.sh [run] [test]     both by default; FRESH_MACHINE: a folder to work in (5 GB)
set -euo pipefail
cd "$(dirname "$0")/.."

refuse() {
  echo "fresh_machine.sh: $*" >&2
  exit 2
}

# Whatever pip is configured to here, from files and variables, as variables; and the local folders and
# files that this names. Those of a variable come last, as they win.
pip_settings() {
  python3 -m pip config list 2>/dev/null | sort --reverse | while IFS='=' read -r name value; do
    name=${name##*.} value=${value//\'/}
    name=${name//-/_}
    echo "PIP_${name^^}=${value//\\n/ }"
  done
}

# Certificates, names of hosts, and apt's sources with all that belongs to them. A link there would lead
# out of the new root; it gives way to the file.
take_along() {
  local path
  for path in /etc/apt /etc/ssl/certs/ca-certificates.crt /usr/share/keyrings /etc/resolv.conf /etc/hosts; do
    mkdir -p "$root${path%/*}"
    [ ! -e "$path" ] || cp --recursive --dereference --remove-destination --no-target-directory "$path" "$root$path"
  done
}

# The folders of packages that pip is pointed to. An index of file:// has its files beside it.
mount_packages() {
  local word path
  for word in $(pip_settings | cut -d= -f2-); do
    path=${word#file://}
    [ "$path" = "$word" ] || path=$(dirname "$path")
    if [ -d "$path" ]; then
      mkdir -p "$root$path"
      mount --bind --options ro "$path" "$root$path"
    elif [ -f "$path" ]; then
      install -D --mode 644 "$path" "$root$path"
    fi
  done
}

as_user() {
  local settings
  mapfile -t settings < <(pip_settings; env | grep -iE '^(https?|no)_proxy=' || true)
  chroot --userspec=user "$root" \
    env -i HOME=/home/user PATH=/usr/bin:/bin "${settings[@]}" sh -c "cd && $1"
}

# In a namespace of its own, whose mounts and processes end with it.
inside() {
  root=$1/debian
  shift
  local mirror proxy="" packages
  # shellcheck disable=SC2016 # apt's own variable
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm')
  [ -n "$mirror" ] || refuse "apt has no source of Debian 12 (bookworm) on this machine"
  packages=$(sed -n 's/^sudo apt-get install //p' README.md)
  [ -n "$packages" ] || refuse "README.md has no line 'sudo apt-get install ...' to be followed"

  eval "$(apt-config shell proxy Acquire::http::Proxy)"
  export http_proxy=${http_proxy-$proxy} DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
  echo "A bare Debian 12 with: $packages"
  debootstrap --variant=minbase bookworm "$root" "${mirror%%$'\n'*}" >"$root.log" || { tail "$root.log"; exit 1; }
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  rm "$root/etc/apt/sources.list"
  take_along
  # shellcheck disable=SC2086 # several packages
  { chroot "$root" apt-get update && chroot "$root" apt-get install --yes $packages; } >"$root.log" ||
    { tail "$root.log"; exit 1; }
  # Once more, as the installed package of certificates has written its own.
  take_along
  mount_packages

  chroot "$root" useradd user
  chroot "$root" install --directory --owner user --group user /home/user
  git bundle create --quiet "$root/srv/sharedim.bundle" HEAD
  as_user "git -c advice.detachedHead=false clone --quiet /srv/sharedim.bundle sharedim"

  local goal status=0
  for goal in "$@"; do
    SECONDS=0
    as_user "cd sharedim && make $goal" >"$root.log" 2>&1 || status=$?
    tail --lines 20 "$root.log"
    echo "make $goal ended with status $status after $SECONDS s"
    [ "$status" = 0 ] || exit "$status"
  done
}

if [ "${1-}" = --inside ]; then
  shift
  inside "$@"
  exit
fi

for goal in "$@"; do
  case $goal in run | test) ;; *) refuse "'$goal' is not known, say run or test, or nothing for both" ;; esac
done
[ "$(id -u)" = 0 ] || refuse "only root can make a machine of its own: sudo tests/fresh_machine.sh"
for tool in debootstrap git unshare; do
  command -v "$tool" >/dev/null || refuse "$tool is missing: apt-get install debootstrap git util-linux"
done
work=$(mktemp --directory --tmpdir="${FRESH_MACHINE:-${TMPDIR:-/tmp}}" fresh_machine.XXXXXX)
# Nothing is mounted there in this namespace, so that no folder of this machine is reached.
trap 'rm --recursive --force --one-file-system "$work"' EXIT
trap 'kill -KILL "$child"; exit 130' INT TERM HUP
[ "$#" -gt 0 ] || set -- run test
unshare --mount --pid --fork --kill-child --mount-proc "$0" --inside "$work" "$@" &
child=$!
wait "$child"
