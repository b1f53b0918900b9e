{{/* Names and labels. Objects are called FULLNAME-WHAT; the programs are told FULLNAME (NAME) and form the same names. */}}

{{- define "llm-monitor.chart" -}}
{{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 40 characters: the longest name made of it is that of a checkpoint, with a UUID at its end. */}}
{{- define "llm-monitor.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "llm-monitor.operator" -}}
{{ include "llm-monitor.fullname" . }}-operator
{{- end }}

{{/* Takes a shard's number: what its own objects' names end with. */}}
{{- define "llm-monitor.shard-suffix" -}}
{{- if . }}-{{ . }}{{ end }}
{{- end }}

{{/*
Takes (list $ "operator"): that name of each shard's own, with commas between; a third item says of how many
shards instead of those there are.
*/}}
{{- define "llm-monitor.of-each-shard" -}}
{{- $names := list -}}
{{- $shards := (index . 0).Values.operator.shards -}}
{{- if gt (len .) 2 }}{{ $shards = index . 2 }}{{ end -}}
{{- range $shard := until (int $shards) -}}
{{- $names = append $names (printf "%s-%s%s" (include "llm-monitor.fullname" (index $ 0)) (index $ 1) (include "llm-monitor.shard-suffix" $shard)) -}}
{{- end -}}
{{ join ", " $names }}
{{- end }}

{{- define "llm-monitor.webhook" -}}
{{ include "llm-monitor.fullname" . }}-webhook
{{- end }}

{{/* What the operator makes while it runs, and Helm therefore never owns. */}}
{{- define "llm-monitor.signing-key" -}}
{{ include "llm-monitor.fullname" . }}-signing-key
{{- end }}

{{- define "llm-monitor.webhook-tls" -}}
{{ include "llm-monitor.fullname" . }}-webhook-tls
{{- end }}

{{- define "llm-monitor.webhook-ca" -}}
{{ include "llm-monitor.fullname" . }}-webhook-ca
{{- end }}

{{- define "llm-monitor.verdicts" -}}
{{ include "llm-monitor.fullname" . }}-verdicts
{{- end }}

{{- define "llm-monitor.checkpoint-prefix" -}}
{{ include "llm-monitor.fullname" . }}-checkpoint-
{{- end }}

{{- define "llm-monitor.audit-prefix" -}}
{{ include "llm-monitor.fullname" . }}-audit-
{{- end }}

{{- define "llm-monitor.labels" -}}
helm.sh/chart: {{ include "llm-monitor.chart" . }}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: llm-monitor
{{- end }}

{{/* Takes (list $ "operator"). A Deployment's selector can't be changed: no version in it. */}}
{{- define "llm-monitor.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ default $root.Chart.Name $root.Values.nameOverride | trunc 63 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* The operator's user, as the API server and so the admission policies see it. */}}
{{- define "llm-monitor.operator-user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "llm-monitor.operator" . }}
{{- end }}

{{/* Takes (list $ .Values.sidecar.image). A digest wins over a tag. */}}
{{- define "llm-monitor.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $root.Values.imageRegistry }}{{ trimSuffix "/" . }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ default $root.Chart.AppVersion $image.tag }}{{ end -}}
{{- end }}

{{/* Namespaces that are nobody's models': never monitored, never called for. The operator has the same list. */}}
{{- define "llm-monitor.the-clusters-own" -}}
kube-system, kube-public, kube-node-lease
{{- end }}
