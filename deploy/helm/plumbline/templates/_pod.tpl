{{/*
A pod of one role, the same for all: who it runs as, what it may write, how it is looked after.
Of: root, component, instance, role, name (of its ConfigMap), args, resources, user (of kafka.users),
secret (mounted at /run/secrets/<component>), state (empty or claim), keepsName, ports, probes
(port, and none for Jobs), envSecret, and what plumbline.config takes.
*/}}
{{- define "plumbline.pod" -}}
{{- $v := .root.Values -}}
metadata:
  labels: {{- include "plumbline.labels" . | nindent 4 }}
  annotations:
    checksum/config: {{ include "plumbline.config" . | sha256sum }}
    {{- with $v.podAnnotations }}{{ toYaml . | nindent 4 }}{{ end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $v.image.pullSecrets }}
  imagePullSecrets: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.nodeSelector }}
  nodeSelector: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $v.tolerations }}
  tolerations: {{- toYaml . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: 30
  {{- with .restartPolicy }}
  restartPolicy: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile: {type: RuntimeDefault}
  {{- if .probes }}
  topologySpreadConstraints:
    {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $v.spread }}
      labelSelector:
        matchLabels: {{- include "plumbline.selector" (dict "root" $.root "component" $.component) | nindent 10 }}
    {{- end }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "plumbline.image" .root | quote }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: {{- toYaml .args | nindent 8 }}
      env:
        - {name: HOME, value: /tmp}
        {{- if and .user (eq $v.kafka.protocol "sasl_tls") }}
        - {name: PLUMBLINE_KAFKA_USER, value: {{ (index $v.kafka.users .user).name | quote }}}
        {{- end }}
      {{- with .envSecret }}
      envFrom:
        - secretRef: {name: {{ . }}}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources: {{- toYaml .resources | nindent 8 }}
      {{- with .ports }}
      ports: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .probes }}
      {{- /* Nothing that a broker does fails /live: a restart would mend nothing and lose the state.
             A first start compiles the engine's step: half a minute on one core. */}}
      startupProbe:
        httpGet: {path: /live, port: {{ . }}}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 36
      livenessProbe:
        httpGet: {path: /live, port: {{ . }}}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: {path: /ready, port: {{ . }}}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      {{- end }}
      volumeMounts:
        - {name: config, mountPath: /etc/plumbline, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        - {name: state, mountPath: /var/lib/plumbline}
        {{- if .keepsName }}
        - {name: name, mountPath: /var/lib/plumbline/name, subPath: name, readOnly: true}
        {{- end }}
        {{- if and .user (eq $v.kafka.protocol "sasl_tls") }}
        - {name: kafka, mountPath: /run/secrets/kafka, readOnly: true}
        {{- end }}
        {{- if and $v.kafka.caSecret (ne $v.kafka.protocol "plaintext") }}
        - {name: kafka-ca, mountPath: /run/secrets/kafka-ca, readOnly: true}
        {{- end }}
        {{- if .secret }}
        - {name: keys, mountPath: /run/secrets/{{ .component }}, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap: {name: {{ .name }}}
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- if ne .state "claim" }}
    - name: state
      emptyDir: {sizeLimit: 64Mi}
    {{- end }}
    {{- if .keepsName }}
    - name: name
      downwardAPI:
        items:
          - path: name
            fieldRef: {fieldPath: metadata.name}
    {{- end }}
    {{- if and .user (eq $v.kafka.protocol "sasl_tls") }}
    - name: kafka
      secret:
        secretName: {{ (index $v.kafka.users .user).secret }}
        defaultMode: 0440
        items: [{key: password, path: password}]
    {{- end }}
    {{- if and $v.kafka.caSecret (ne $v.kafka.protocol "plaintext") }}
    - name: kafka-ca
      secret:
        secretName: {{ $v.kafka.caSecret }}
        items: [{key: ca.crt, path: ca.crt}]
    {{- end }}
    {{- if .secret }}
    - name: keys
      secret: {secretName: {{ .secret }}, defaultMode: 0440}
    {{- end }}
{{- end -}}

{{/* What every serving role is started with. */}}
{{- define "plumbline.args" -}}
- {{ .role }}
- --config=/etc/plumbline/config.yaml
- --state=/var/lib/plumbline
- --json
{{- if ne .role "api" }}
- --metrics-host=0.0.0.0
- --metrics-port={{ int .root.Values.metrics.port }}
{{- end }}
{{- end -}}

{{- define "plumbline.account" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .account }}
  labels: {{- include "plumbline.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{- define "plumbline.claim" -}}
metadata:
  name: state
spec:
  accessModes: [{{ .accessMode }}]
  {{- with .className }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ .size }}}}
{{- end -}}
