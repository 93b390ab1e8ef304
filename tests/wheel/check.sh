#!/usr/bin/env bash
# The package as its user gets it: built, installed into an empty environment, started in another folder. Passes when
# the demo of `dev` has passed, every schema came along, and stopping leaves no process behind.
set -euo pipefail

project=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/rf-wheel-XXXXXX)
chmod 711 "$work" # started by root, PostgreSQL runs as another account
bin=$work/venv/bin
dev=

finish() {
    [ -z "$dev" ] || kill -TERM "$dev" 2>/dev/null || true
    [ -z "$dev" ] || wait "$dev" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

fail() {
    echo "wheel: $1"
    [ ! -f "$work/dev.log" ] || tail -n 40 "$work/dev.log"
    exit 1
}

echo 'building'
"${PYTHON:-python3}" -m venv "$work/venv"
"$bin/python" -m pip --disable-pip-version-check wheel -q --no-deps --wheel-dir "$work/dist" "$project"
echo 'installing'
"$bin/python" -m pip --disable-pip-version-check install -q "$work"/dist/*.whl

mkdir "$work/elsewhere"
cd "$work/elsewhere"
packed=$("$bin/python" -c 'import reseptformidler; print(reseptformidler.__path__[0])')
case $packed in "$work"/venv/*) ;; *) fail "imported from $packed instead of the wheel" ;; esac
diff <(cd "$project/xsd" && ls) <(cd "$packed/xsd" && ls) || fail 'the schemas differ'
files() { find . -type f -not -path './xsd/*' -not -name '*.pyc' | sort; }
diff <(cd "$project/reseptformidler" && files) <(cd "$packed" && files) || fail 'files are missing or too many'

echo 'running dev until its demo has passed'
port=$("$bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
XDG_DATA_HOME=$work/data "$bin/reseptformidler" dev --port "$port" >"$work/dev.log" 2>&1 &
dev=$!
for _ in $(seq 1200); do
    grep -qi 'demo passed' "$work/dev.log" && break
    kill -0 "$dev" 2>/dev/null || fail 'dev ended before its demo passed'
    sleep 0.1
done
grep -qi 'demo passed' "$work/dev.log" || fail 'the demo did not pass in 120 s'

kill -TERM "$dev"
status=0
wait "$dev" || status=$?
dev=
[ "$status" = 0 ] || fail "dev ended with status $status"
"$bin/python" - "$work" <<'PYTHON' || fail 'processes are left behind'
import os, sys, psutil
left = [p.info for p in psutil.process_iter(["pid", "cmdline"])
        if p.pid not in (os.getpid(), os.getppid()) and sys.argv[1] in " ".join(p.info["cmdline"] or [])]
sys.exit(f"{left}" if left else 0)
PYTHON
echo 'the wheel works'
