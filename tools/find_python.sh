#!/bin/sh
# Prints a Python that can set the project up: the one given, else that of .venv, else the newest of 3.13, 3.12 and 3.11
# that works here.
# A command that is there may fail all the same, as pyenv's do for a version that is not chosen, and on Debian and Ubuntu
# Python comes without what fills a new environment.

install='Debian, Ubuntu: apt-get install python3 python3-venv'

problem() {    # of one Python; nothing where it is right
    version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version=
    case $version in
    '') echo "does not run: $("$1" -c '' 2>&1 | { read -r first; echo "$first"; })" ;;
    3.11 | 3.12 | 3.13)
        # either of the two puts pip into a new environment
        "$1" -c 'import venv, ensurepip' 2>/dev/null || "$1" -c 'import venv, pip' 2>/dev/null ||
            echo "has neither venv nor pip: install them (Debian, Ubuntu: apt-get install python$version-venv)" ;;
    *) echo "is Python $version: expected 3.11, 3.12 or 3.13" ;;
    esac
}

if [ -n "$1" ]; then
    command -v "$1" >/dev/null || { echo "PYTHON=$1: not found: expected Python 3.11, 3.12 or 3.13 ($install)" >&2; exit 2; }
    found=$(problem "$1")
    [ -z "$found" ] || { echo "PYTHON=$1: $found" >&2; exit 2; }
    command -v "$1"
    exit
fi
# what was set up with one Python stays with it when its requirements change
kept=$(.venv/bin/python -c 'import sys; print(sys._base_executable)' 2>/dev/null)
for name in "$kept" python3.13 python3.12 python3.11 python3; do
    command -v "$name" >/dev/null || continue
    found=$(problem "$name")
    [ -n "$found" ] || { command -v "$name"; exit; }
    case $found in 'does not run'*) ;; *) last="; $name $found" ;; esac
done
echo "No Python 3.11, 3.12 or 3.13 that works was found$last. Install one ($install), or name it: make PYTHON=/path/to/python3.13" >&2
exit 2
