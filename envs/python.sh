#!/bin/sh
# The Python to make the environment with: the one that is given, else the first one here for which
# requirements.lock has packages. Where that cannot be, one sentence says what to install or to type.
#   envs/python.sh GOAL [PYTHON]     GOAL: what make was asked for
set -u
goal=$1 given=${2-}
needed="Python 3.11, 3.12 or 3.13"
install="sudo apt-get install git make python3-venv"

# Empty where a name stands for no Python that starts, as a shim of pyenv may.
version_of() { "$1" -c 'import platform; print(platform.python_version())' 2>/dev/null; }
supported() { case $(version_of "$1") in 3.11.* | 3.12.* | 3.13.*) ;; *) return 1 ;; esac; }
# Debian and Ubuntu have Python without ensurepip, and so without pip for an environment.
usable() { supported "$1" && "$1" -c 'import ensurepip, venv' 2>/dev/null; }
first() { for name in python3.11 python3.12 python3.13 python3; do "$1" "$name" && echo "$name" && return; done; }
refuse() { echo "$*" >&2; exit 1; }

found=$(first usable)
python=${given:-${found:-$(first supported)}}
python=${python:-python3}
usable "$python" && echo "$python" && exit

version=$(version_of "$python")
if [ -n "$found" ]; then
  remedy="make $goal PYTHON=$found"
else
  remedy="$install"
fi
if [ -z "$version" ]; then
  refuse "$needed is needed, and $python is not there or does not start: $remedy"
elif supported "$python"; then
  refuse "Python $version ($python) makes no environment, since its module venv or ensurepip is missing: $remedy"
elif [ -n "$found" ]; then
  refuse "Python $version ($python) is not supported, $needed is needed: $remedy"
else
  refuse "Python $version ($python) is not supported, $needed is needed:" \
    "install one and name it, make $goal PYTHON=python3.13, or take that of Debian or Ubuntu, $install"
fi
