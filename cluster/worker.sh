#!/bin/bash
# bash cluster/worker.sh INDEX "HOST:PORT HOST:PORT ..." [FLAGS OF train.py]
# Trains as one of several workers: the INDEX-th, from 0, of those named. Give all of them the
# same names in the same order, and the same flags.
set -eu
index=$1
printf -v workers '"%s", ' $2 # falls apart at the spaces
shift 2
task="{\"type\": \"worker\", \"index\": $index}"
export TF_CONFIG="{\"cluster\": {\"worker\": [${workers%, }]}, \"task\": $task}"
exec python "$(dirname "$0")/../train.py" "$@" # exec: signals reach it
