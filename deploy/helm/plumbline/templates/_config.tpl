{{/*
The configuration of a role, as JSON: YAML as well, and its numbers and strings stay what they are.
Of: root, role, and for a relayer keys (of its wallets), for feeds the feeds of one process.
*/}}
{{- define "plumbline.config" -}}
{{- $v := .root.Values -}}
{{- $config := deepCopy $v.config -}}
{{- $_ := set $config "bus" (include "plumbline.bus" .root | fromJson) -}}
{{- $feeds := list -}}
{{- range $name, $one := $v.feeds }}{{ $feeds = concat $feeds $one.feeds }}{{ end -}}
{{- $_ := set $config "feeds" (default $feeds .feeds) -}}
{{- $_ := set $config "api" (mustMerge (dict "host" "0.0.0.0" "port" (int $v.api.port)) (default dict $config.api)) -}}
{{- if $config.committee -}}
  {{- if eq .role "committee" -}}
    {{- $listen := printf "0.0.0.0:%d" (int $v.committee.port) -}}
    {{- $_ := set $config.committee "keys" $v.committee.keys -}}
    {{- if $config.committee.peers }}{{ $_ := set $config.committee "listen" $listen }}{{ end -}}
  {{- else if eq .role "engine" -}}
    {{- /* Its steps go by the committee's views; it opens no key. */ -}}
    {{- $none := list (dict "keystore" "/none" "password_file" "/none") -}}
    {{- if $config.committee.peers }}{{ $_ := set $config.committee "keys" $none }}{{ end -}}
  {{- else -}}
    {{- $_ := set $config "committee" (omit $config.committee "peers" "listen" "next" "previous") -}}
  {{- end -}}
{{- end -}}
{{- if eq .role "relayer" -}}
  {{- $chains := list -}}
  {{- range $config.chains }}{{ $chains = append $chains (set . "key" (index $.keys .name)) }}{{ end -}}
  {{- $_ := set $config "chains" $chains -}}
{{- else -}}
  {{- $_ := unset $config "chains" -}}
{{- end -}}
{{- $kept := dict "url" $v.archive.url "roll_age" $v.archive.rollAge -}}
{{- if $v.archive.serveFor }}{{ $_ := set $kept "serve_for" $v.archive.serveFor }}{{ end -}}
{{- if and $v.archive.enabled (or (eq .role "archive") (and (eq .role "api") (contains "://" $v.archive.url))) -}}
  {{- $_ := set $config "archive" $kept -}}
{{- end -}}
{{- toPrettyJson $config -}}
{{- end -}}

{{- define "plumbline.bus" -}}
{{- $k := .Values.kafka -}}
{{- $security := dict "protocol" $k.protocol -}}
{{- if eq $k.protocol "sasl_tls" -}}
  {{- $_ := set $security "username_env" "PLUMBLINE_KAFKA_USER" -}}
  {{- $_ := set $security "password_file" "/run/secrets/kafka/password" -}}
{{- end -}}
{{- if and $k.caSecret (ne $k.protocol "plaintext") -}}
  {{- $_ := set $security "ca_file" "/run/secrets/kafka-ca/ca.crt" -}}
{{- end -}}
{{- dict "kind" "kafka" "bootstrap" $k.bootstrap "prefix" $k.prefix "replication" (int $k.replication) "request_timeout" $k.requestTimeout "session" $k.session "security" $security | toJson -}}
{{- end -}}

{{/* A ConfigMap of a role's configuration. Of: what plumbline.config takes, name, annotations. */}}
{{- define "plumbline.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}
  labels: {{- include "plumbline.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
data:
  config.yaml: |
    {{- include "plumbline.config" . | nindent 4 }}
{{- end -}}
