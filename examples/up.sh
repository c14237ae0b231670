#!/bin/sh
# Runs the authorization server and both example MCP servers until Ctrl-C: what `./dev up` ends in.
#
#   up.sh SERVER_BINARY
#
# Everything it makes lives in ./var and is kept: the database, the administrator's token, the demo user's password, the examples' keys.
# UP_VAR, UP_PORT, UP_FASTAPI_PORT and UP_HONO_PORT put it elsewhere.
set -eu

binary=${1:?usage: up.sh SERVER_BINARY}
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
var=${UP_VAR:-$root/var}
port=${UP_PORT:-8788}
fastapi_port=${UP_FASTAPI_PORT:-8001}
hono_port=${UP_HONO_PORT:-8002}
issuer="http://localhost:$port"
email=demo@example.com
pids=""

say() { printf '%s\n' "$*"; }
die() { printf 'up: %s\n' "$*" >&2; stop; exit 1; }

# The command line and the server read the same variables.
export AUTH_AGENT_DATABASE="$var/auth-agent.db" AUTH_AGENT_PORT="$port" AUTH_AGENT_ISSUER="$issuer"

# ---- made once, kept in ./var -------------------------------------------------------------------------------------

# value NAME: a line "NAME  value" of a command's answer
value() { awk -v name="$1" '$1 == name { print $2 }'; }

# keep FILE: standard input into a file that its owner alone reads
keep() { (umask 077 && cat >"$1.new" && mv "$1.new" "$1"); }

make_admin_token() {
    answer=$("$binary" init)
    token=$(printf '%s\n' "$answer" | value admin_token)
    if [ -n "$token" ]; then printf '%s\n' "$token" | keep "$var/admin-token"; fi
}

make_demo_user() {
    [ ! -f "$var/demo-password" ] || return 0
    answer=$("$binary" user add "$email" --name "Demo User" --generate-password 2>/dev/null) ||
        answer=$("$binary" user passwd "$email" --generate-password)
    printf '%s\n' "$answer" | value password | keep "$var/demo-password"
}

# make_example NAME TITLE PORT: registers an MCP server and mints its key; anew when it has moved to another port
make_example() {
    url="http://localhost:$3/mcp"
    ! grep -qsx "# $url" "$var/$1.env" || return 0
    id=$("$binary" server list | awk -v url="$url" '$2 == url { print $1 }')
    [ -n "$id" ] || id=$("$binary" server add "$url" --name "$2" --scopes "files:read files:write" | value server_id)
    secret=$("$binary" key create "$id" --name "dev up" | value key_secret)
    printf '# %s\nAUTH_AGENT_SERVER_ID=%s\nAUTH_AGENT_API_KEY=%s\n' "$url" "$id" "$secret" | keep "$var/$1.env"
}

make_files() {
    [ ! -d "$var/files" ] || return 0
    mkdir -p "$var/files/notes"
    printf 'Files below this folder can be listed, read and written through both example servers.\n' >"$var/files/hello.txt"
    printf 'Buy milk.\n' >"$var/files/notes/today.txt"
}

# ---- running ------------------------------------------------------------------------------------------------------

is_running() { kill -0 "$1" 2>/dev/null; }

stop() {
    trap '' INT TERM HUP
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    pids=""
}

# start NAME URL COMMAND…: in the background, its output into a log; returns when URL answers
start() {
    name=$1 url=$2
    shift 2
    "$@" >"$var/log/$name.log" 2>&1 &
    pids="$pids $!"
    answers "$url" $! || { tail -n 15 "$var/log/$name.log" >&2; die "$name did not start; its log is $var/log/$name.log"; }
}

# answers URL PID: waits until the URL is answered at all, as long as the process lives, at most 20 seconds
answers() {
    python3 - "$1" "$2" <<'PY'
import os, sys, time, urllib.error, urllib.request

url, pid = sys.argv[1], int(sys.argv[2])
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
until = time.monotonic() + 20
while time.monotonic() < until:
    try:
        opener.open(url, timeout=2).close()
        break
    except urllib.error.HTTPError:
        break
    except OSError:
        time.sleep(0.05)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        sys.exit(1)
else:
    sys.exit(1)
# Somebody else's server may have answered on that port while ours could not take it.
time.sleep(0.1)
try:
    os.kill(pid, 0)
except ProcessLookupError:
    sys.exit(1)
PY
}

# with_example NAME COMMAND…: becomes the command, with that example's identity in its environment; `start` has forked for it. Not a subshell:
# what `stop` kills would be that, and the server behind it would stay.
with_example() {
    env_file="$var/$1.env"
    shift
    set -a
    # shellcheck disable=SC1090 # written above
    . "$env_file"
    AUTH_AGENT_AUTH_SERVER=$issuer FILES_ROOT="$var/files"
    set +a
    exec "$@"
}

tell() {
    cat <<TEXT

  authorization server   $issuer        (database $var/auth-agent.db)
  FastAPI example        http://localhost:$fastapi_port/mcp
  Hono example           http://localhost:$hono_port/mcp

  log in as              $email
  password               $(cat "$var/demo-password")
  administrator's token  $var/admin-token

  Add them to an MCP client, for instance:

    claude mcp add --transport http files-fastapi http://localhost:$fastapi_port/mcp
    claude mcp add --transport http files-hono http://localhost:$hono_port/mcp

  in Cursor, ~/.cursor/mcp.json:

    {"mcpServers": {"files-fastapi": {"url": "http://localhost:$fastapi_port/mcp"}, "files-hono": {"url": "http://localhost:$hono_port/mcp"}}}

  in VS Code, .vscode/mcp.json:

    {"servers": {"files-fastapi": {"type": "http", "url": "http://localhost:$fastapi_port/mcp"}, "files-hono": {"type": "http", "url": "http://localhost:$hono_port/mcp"}}}

  Logs are in $var/log. Ctrl-C stops everything.
TEXT
}

watch() {
    while :; do
        for pid in $pids; do
            is_running "$pid" || { tail -n 5 "$var"/log/*.log >&2; die "a server has stopped; the logs are in $var/log"; }
        done
        sleep 1
    done
}

mkdir -p "$var/log"
make_files
make_admin_token
make_demo_user
make_example fastapi "Files (FastAPI)" "$fastapi_port"
make_example hono "Files (Hono)" "$hono_port"

trap 'stop; exit 0' INT TERM HUP
start authorization-server "$issuer/healthz" "$binary" serve
start fastapi "http://localhost:$fastapi_port/api/files" with_example fastapi env PORT="$fastapi_port" \
    python "$root/examples/filesystem-server/server.py"
start hono "http://localhost:$hono_port/api/files" with_example hono env PORT="$hono_port" \
    node "$root/examples/typescript-server/dist/server.js"
tell
watch
