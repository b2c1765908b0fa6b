#!/bin/sh
# Formats an empty disk, else leaves it, and becomes the broker. The passwords of the first users go by a
# file of options that only we read: arguments are seen by whoever may list the host's processes.
set -eu
umask 077
made=/run/secrets/kafka
options=/tmp/format
{
  echo kafka.tools.StorageTool format --ignore-formatted
  echo "--cluster-id=$(cat "$made/cluster-id") --config=$made/server.properties"
  sed 's/.*/"--add-scram=&"/' "$made/users"
} > "$options"
# shellcheck disable=SC2086  # several options
java ${KAFKA_JVM:--Xmx512m} -cp '/opt/kafka/libs/*' "@$options"
rm "$options"
# shellcheck disable=SC2086  # as above
exec java ${KAFKA_JVM:--Xmx512m} -cp '/opt/kafka/libs/*' kafka.Kafka "$made/server.properties"
