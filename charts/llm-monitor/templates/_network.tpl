{{/* Who may read metrics and health: anyone, or those of networkPolicies.metricsFrom and `helm test`. */}}
{{- define "llm-monitor.metrics-ingress" -}}
- ports:
    - port: http
      protocol: TCP
  {{- with .Values.networkPolicies.metricsFrom }}
  from:
    {{- toYaml . | nindent 4 }}
    - podSelector:
        matchLabels:
          {{- include "llm-monitor.selector" (list $ "test") | nindent 10 }}
  {{- end }}
{{- end }}
