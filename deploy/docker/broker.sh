#!/bin/sh
# Formats an empty disk, else leaves it, and becomes the broker. The passwords of the first users are
# arguments of the formatting alone, in a container that has no other process.
set -eu
made=/run/secrets/kafka
set --
while IFS= read -r user; do set -- "$@" "--add-scram=$user"; done < "$made/users"
java -cp '/opt/kafka/libs/*' kafka.tools.StorageTool format --ignore-formatted \
  --cluster-id="$(cat "$made/cluster-id")" --config="$made/server.properties" "$@"
# shellcheck disable=SC2086  # several options
exec java ${KAFKA_JVM:--Xmx512m} -cp '/opt/kafka/libs/*' kafka.Kafka "$made/server.properties"
