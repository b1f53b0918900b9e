{{/* Takes (list $ "ServiceMonitor" "serviceMonitor"): what was asked for and can't be had is an error, not a silence. */}}
{{- define "llm-monitor.needs-prometheus-operator" -}}
{{- $root := index . 0 -}}
{{- if not ($root.Capabilities.APIVersions.Has (printf "monitoring.coreos.com/v1/%s" (index . 1))) -}}
{{- fail (printf "monitoring.%s.enabled is true, but the cluster does not know monitoring.coreos.com/v1 %s: install the Prometheus Operator first, or set it to false. With `helm template`, add --api-versions monitoring.coreos.com/v1/%s" (index . 2) (index . 1) (index . 1)) -}}
{{- end -}}
{{- end }}
