{{/* A condition that is False is an alert: its type, the alert's name, severity, how long it must last, and what that means;
some reasons are another's business or less urgent: they have their own below, and are left out here. The message, with the figures it was judged by, is in the monitor's status; it is too long and too lively for a label. */}}
{{- define "llm-monitor.condition-alerts" -}}
- {type: PerformanceHealthy, alert: LLMPerformanceUnhealthy, severity: critical, for: 1m, means: answers too slowly or fails too often for its objectives or has stalled}
- {type: ResourcesHealthy, alert: LLMResourcesUnhealthy, severity: critical, for: 1m, means: had a process killed for want of memory or is past a limit}
- {type: InteractionsSafe, alert: LLMInteractionsUnsafe, severity: critical, for: 1m, means: has more problematic interactions than its limits allow}
- {type: QualityHealthy, alert: LLMQualityUnhealthy, severity: critical, for: 1m, means: fails its probes or gets worse outcomes than before}
- {type: DriftFree, alert: LLMDrift, severity: warning, for: 5m, means: gets or gives something else than its baseline}
- {type: DataValid, alert: LLMDataInvalid, severity: warning, for: 5m, means: gets requests that fail its owner's checks}
- {type: VersionsComparable, alert: LLMVersionWorse, severity: warning, for: 5m, means: has a version that is worse than the one beside it}
- {type: WithinBudget, alert: LLMBudgetOverrun, severity: warning, for: 5m, means: has overrun its budget}
- {type: GPUVisible, alert: LLMMonitorGPUNotVisible, severity: info, for: 15m, means: has GPUs that nobody measures}
- {type: Ready, alert: LLMMonitorNotReady, severity: warning, for: 15m, means: is not monitored or only in part}
- {type: Injected, alert: LLMMonitorNotInjected, severity: warning, for: 15m, means: has pods without the current sidecar}
- {type: Reporting, alert: LLMMonitorNotReporting, severity: warning, for: 10m, means: has sidecars that do not report}
- {type: Intercepting, alert: LLMMonitorNotIntercepting, severity: warning, for: 15m, means: has traffic that is not being read}
{{- end }}
{{/* Reasons that somebody else attends to, or sooner or later than to their condition. Memory does not wait: `for` is 0. */}}
{{- define "llm-monitor.reason-alerts" -}}
- {type: ResourcesHealthy, reasons: [MemoryNearLimit], alert: LLMMemoryNearLimit, severity: critical, for: 0m, means: is near its memory limit or will reach it within minutes}
- {type: ResourcesHealthy, reasons: [GPUErrors], alert: LLMGPUErrors, severity: critical, for: 1m, means: has a GPU that is lost or failing or held down}
- {type: ResourcesHealthy, reasons: [KVCacheSaturated, Saturated], alert: LLMSaturated, severity: warning, for: 5m, means: gets more than it serves; latency suffers next}
- {type: ResourcesHealthy, reasons: [CPUThrottled], alert: LLMCPUThrottled, severity: warning, for: 10m, means: is held back by its CPU limit}
- {type: PerformanceHealthy, reasons: [Anomaly], alert: LLMAnomaly, severity: warning, for: 5m, means: does not behave as it used to at this hour}
- {type: WithinBudget, reasons: [OverrunForecast], alert: LLMBudgetOverrunForecast, severity: warning, for: 1h, means: will overrun its budget if it goes on like this}
{{- end }}
{{/* Takes (list $ "conditions.md#ready" 12): the page that says what to do, where it can be read; and how far to indent it. */}}
{{- define "llm-monitor.runbook" -}}
{{- with (index . 0).Values.monitoring.prometheusRule.docsUrl -}}
{{- printf "runbook_url: %s/%s" . (index $ 1) | nindent (index $ 2) -}}
{{- end -}}
{{- end }}
{{/* Takes (list $ row): all of an alert but its name and expression. */}}
{{- define "llm-monitor.alert-of-a-monitor" -}}
{{- $row := index . 1 -}}
for: {{ $row.for }}
labels:
  severity: {{ $row.severity }}
annotations:
  summary: {{ `The model of LLMMonitor {{ $labels.namespace }}/{{ $labels.monitor }}` }} {{ $row.means }} ({{ $row.type }} is False{{ with $row.reasons }} for {{ join " or " . }}{{ end }}).
  description: {{ `kubectl --namespace {{ $labels.namespace }} describe llmmonitor {{ $labels.monitor }}` }}
  {{- include "llm-monitor.runbook" (list (index . 0) (printf "conditions.md#%s" (lower $row.type)) 2) }}
{{- end }}
