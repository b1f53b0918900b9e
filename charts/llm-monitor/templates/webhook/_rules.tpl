{{/* What the webhook may read where it injects: in the whole cluster, or in each of watchNamespaces. It writes nothing. */}}
{{- define "llm-monitor.webhook.rules" -}}
# Whether any monitor selects the pod.
- apiGroups: [llmmonitor.io]
  resources: [llmmonitors]
  verbs: [list, watch]
# Whether the operator's verdict on the namespace still describes it, and whether the pod with us fits.
- apiGroups: [""]
  resources: [resourcequotas, limitranges]
  verbs: [list, watch]
{{- end }}
