{{/* Takes the label that selects the operator's metrics. Everything is by namespace and monitor: sums are made before ratios, and a
ratio of nothing is absent. Counters are those of the replica that leads; gauges go through `max`, since for a moment after a
takeover two replicas' are there. */}}
{{- define "llm-monitor.records" -}}
{{- $job := . -}}
{{- $each := "by (namespace, monitor)" -}}
{{- $one := "on (namespace, monitor) group_left ()" -}}
- name: llm-monitor-records
  rules:
    - record: llm_monitor:requests:rate5m
      expr: sum {{ $each }} (rate(llm_monitor_requests_total{ {{- $job -}} }[5m]))
    # By how they ended: client_error is not the model's fault, overloaded (429, 503, 529) and timed_out are told apart.
    - record: llm_monitor:requests_by_outcome:ratio_rate5m
      expr: >-
        sum by (namespace, monitor, outcome) (rate(llm_monitor_requests_total{ {{- $job -}} }[5m]))
        / {{ $one }} (sum {{ $each }} (rate(llm_monitor_requests_total{ {{- $job -}} }[5m])) > 0)
    - record: llm_monitor:finish_reasons:ratio_rate5m
      expr: >-
        sum by (namespace, monitor, finish_reason) (rate(llm_monitor_finish_reasons_total{ {{- $job -}} }[5m]))
        / {{ $one }} (sum {{ $each }} (rate(llm_monitor_finish_reasons_total{ {{- $job -}} }[5m])) > 0)
    - record: llm_monitor:empty_answers:ratio_rate1h
      expr: >-
        sum {{ $each }} (rate(llm_monitor_empty_answers_total{ {{- $job -}} }[1h]))
        / (sum {{ $each }} (rate(llm_monitor_requests_total{ {{- $job -}}, outcome="ok"}[1h])) > 0)
    - record: llm_monitor:malformed_answers:ratio_rate1h
      expr: >-
        sum by (namespace, monitor, kind) (rate(llm_monitor_malformed_answers_total{ {{- $job -}} }[1h]))
        / (sum by (namespace, monitor, kind) (rate(llm_monitor_program_answers_total{ {{- $job -}} }[1h])) > 0)
    # Lower bounds (exact="false") are never added to exact counts.
    - record: llm_monitor:output_tokens:rate5m
      expr: >-
        sum {{ $each }} (rate(llm_monitor_tokens_total{ {{- $job -}}, gen_ai_token_type="output", exact="true"}[5m]))
    # Absent where the GPUs that the tokens come from are not known.
    - record: llm_monitor:output_tokens_per_gpu:rate5m
      expr: >-
        sum {{ $each }} (rate(llm_monitor_tokens_total{ {{- $job -}}, gen_ai_token_type="output", exact="true"}[5m]))
        / (max {{ $each }} (llm_monitor_gpus_at_work{ {{- $job -}} }) > 0)
    {{- range $name, $metric := dict "time_to_first_token" "gen_ai_server_time_to_first_token_seconds" "time_per_output_token" "gen_ai_server_time_per_output_token_seconds" "request_duration" "gen_ai_server_request_duration_seconds" }}
    {{- range $quantile := list 50 95 99 }}
    - record: llm_monitor:{{ $name }}_seconds:p{{ $quantile }}_5m
      expr: >-
        histogram_quantile(0.{{ $quantile }}, sum by (namespace, monitor, le) (rate({{ $metric }}_bucket{ {{- $job -}} }[5m])))
    {{- end }}
    {{- end }}
    # The share of an objective's error budget is (this / (1 - target)): by the windows of the SRE workbook, chapter 5.
    # An objective that was changed begins a series of its own: other events are good or bad by it.
    {{- $definition := "by (namespace, monitor, objective, signal, threshold, models, operations)" }}
    {{- range list "5m" "30m" "1h" "6h" "3d" }}
    - record: llm_monitor:objective_bad:ratio_rate{{ . }}
      expr: >-
        sum {{ $definition }} (rate(llm_monitor_objective_events_total{ {{- $job -}}, result="bad"}[{{ . }}]))
        / (sum {{ $definition }} (rate(llm_monitor_objective_events_total{ {{- $job -}} }[{{ . }}])) > 0)
    {{- end }}
    # The share of requests that meet every objective that judges them.
    {{- range list "5m" "1h" }}
    - record: llm_monitor:goodput:ratio_rate{{ . }}
      expr: >-
        sum {{ $each }} (rate(llm_monitor_goodput_requests_total{ {{- $job -}}, result="met"}[{{ . }}]))
        / (sum {{ $each }} (rate(llm_monitor_goodput_requests_total{ {{- $job -}} }[{{ . }}])) > 0)
    {{- end }}
- name: llm-monitor-records-of-resources
  rules:
    - record: llm_monitor:queue_pods_saturated:ratio
      expr: >-
        max {{ $each }} (llm_monitor_queue_pods{ {{- $job -}}, saturated="true"})
        / (sum {{ $each }} (max by (namespace, monitor, saturated) (llm_monitor_queue_pods{ {{- $job -}} })) > 0)
    - record: llm_monitor:engine_preemptions:rate5m
      expr: sum {{ $each }} (rate(llm_monitor_engine_preemptions_total{ {{- $job -}} }[5m]))
    # Of the pod that is nearest to its limit.
    - record: llm_monitor:model_memory_used:ratio
      expr: >-
        max {{ $each }} (llm_monitor_model_memory_used_bytes{ {{- $job -}} })
        / (max {{ $each }} (llm_monitor_model_memory_limit_bytes{ {{- $job -}} }) > 0)
    - record: llm_monitor:gpus_memory_used:ratio
      expr: >-
        max {{ $each }} (llm_monitor_gpus_memory_used_bytes{ {{- $job -}} })
        / (max {{ $each }} (llm_monitor_gpus_memory_total_bytes{ {{- $job -}} }) > 0)
    # Overstated where many tokens are lower bounds: absent above a twentieth, as in the status.
    - record: llm_monitor:gpus_energy_joules_per_token:ratio_rate1h
      expr: >-
        sum {{ $each }} (rate(llm_monitor_gpus_energy_joules_total{ {{- $job -}} }[1h]))
        / (sum {{ $each }} (rate(llm_monitor_gpus_energy_tokens_total{ {{- $job -}} }[1h])) > 0)
        unless on (namespace, monitor)
        sum {{ $each }} (rate(llm_monitor_tokens_total{ {{- $job -}}, gen_ai_token_type="output", exact="false"}[1h]))
        > 0.05 * sum {{ $each }} (rate(llm_monitor_tokens_total{ {{- $job -}}, gen_ai_token_type="output"}[1h]))
- name: llm-monitor-records-of-comparisons
  rules:
    - record: llm_monitor:compared_requests:increase1h
      expr: sum by (namespace, monitor, counted_by) (increase(llm_monitor_compared_requests_total{ {{- $job -}} }[1h]))
    - record: llm_monitor:compared_tokens:increase1h
      expr: >-
        sum by (namespace, monitor, counted_by, gen_ai_token_type) (increase(llm_monitor_compared_tokens_total{ {{- $job -}} }[1h]))
    # Less than zero: more was read than the engine counts.
    - record: llm_monitor:unread_requests:ratio_increase1h
      expr: >-
        1 - sum {{ $each }} (llm_monitor:compared_requests:increase1h{counted_by="wire"})
        / (sum {{ $each }} (llm_monitor:compared_requests:increase1h{counted_by="engine"}) > 0)
    - record: llm_monitor:unread_tokens:ratio_increase1h
      expr: >-
        1 - sum {{ $each }} (llm_monitor:compared_tokens:increase1h{counted_by="wire", gen_ai_token_type="output"})
        / (sum {{ $each }} (llm_monitor:compared_tokens:increase1h{counted_by="engine", gen_ai_token_type="output"}) > 0)
    # The wire's less the engine's passes outside of the engine: queueing before it, or the network.
    - record: llm_monitor:compared_first_token_seconds:mean1h
      expr: >-
        sum by (namespace, monitor, counted_by) (increase(llm_monitor_compared_first_token_seconds_total{ {{- $job -}} }[1h]))
        / (sum by (namespace, monitor, counted_by) (increase(llm_monitor_compared_first_tokens_total{ {{- $job -}} }[1h])) > 0)
# What was spent goes back to zero with every period, as a counter does that begins anew.
- name: llm-monitor-records-of-cost
  rules:
    - record: llm_monitor:cost_spent:increase1h
      expr: sum by (namespace, monitor, currency) (increase(llm_monitor_cost_spent{ {{- $job -}} }[1h]))
    # Too high where tokens are not counted exactly: absent below nine tenths of the requests, as in the status.
    - record: llm_monitor:cost_per_million_output_tokens:ratio_increase1h
      expr: >-
        1e6 * sum by (namespace, monitor, currency) (increase(llm_monitor_cost_spent{ {{- $job -}} }[1h]))
        / {{ $one }} (sum {{ $each }} (increase(llm_monitor_tokens_total{ {{- $job -}}, gen_ai_token_type="output", exact="true"}[1h])) > 0)
        unless on (namespace, monitor)
        sum {{ $each }} (rate(llm_monitor_token_sources_total{ {{- $job -}}, source=~"usage|token_ids|logprobs"}[1h]))
        < 0.9 * sum {{ $each }} (rate(llm_monitor_token_sources_total{ {{- $job -}}, source!="none"}[1h]))
    # Of the period so far: part="idle" is what nobody asked for.
    - record: llm_monitor:cost_spent_by_part:ratio
      expr: >-
        max by (namespace, monitor, currency, part) (llm_monitor_cost_spent{ {{- $job -}} })
        / on (namespace, monitor, currency) group_left ()
        (sum by (namespace, monitor, currency) (max by (namespace, monitor, currency, part) (llm_monitor_cost_spent{ {{- $job -}} })) > 0)
    - record: llm_monitor:cost_spent_of_budget:ratio
      expr: >-
        sum by (namespace, monitor, currency) (max by (namespace, monitor, currency, part) (llm_monitor_cost_spent{ {{- $job -}} }))
        / (max by (namespace, monitor, currency) (llm_monitor_cost_budget{ {{- $job -}} }) > 0)
    - record: llm_monitor:cost_forecast_of_budget:ratio
      expr: >-
        max by (namespace, monitor, currency, bound) (llm_monitor_cost_forecast{ {{- $job -}} })
        / on (namespace, monitor, currency) group_left ()
        (max by (namespace, monitor, currency) (llm_monitor_cost_budget{ {{- $job -}} }) > 0)
{{- end }}
