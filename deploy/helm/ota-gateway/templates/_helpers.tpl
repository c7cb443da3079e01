{{/* One gateway in one namespace: the names are those of deploy/kubernetes, and so its commands hold. */}}
{{- define "ota-gateway.labels" -}}
app.kubernetes.io/name: ota-gateway
{{- end }}

{{- define "ota-gateway.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* A peer of the network policy; where none is given, the pods of that name. */}}
{{- define "ota-gateway.peer" -}}
{{- $pods := dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" (last .))) -}}
{{- first . | default $pods | toJson -}}
{{- end }}

{{/* Values that contradict each other: what is wrong, and what to do. */}}
{{- define "ota-gateway.check" -}}
{{- $kinds := list "none" "sqlite" "postgres" -}}
{{- if not (has .Values.state.kind $kinds) }}
{{- fail (printf "state.kind is %q; it has to be one of %s" .Values.state.kind (join ", " $kinds)) }}
{{- end }}
{{- if and (eq .Values.state.kind "sqlite") .Values.redis.existingSecret }}
{{- fail "state.kind sqlite is for one gateway: set redis.existingSecret to \"\", or use postgres" }}
{{- end }}
{{- if and (eq .Values.state.kind "postgres") (not .Values.state.postgres.existingSecret) }}
{{- fail "state.kind postgres needs state.postgres.existingSecret" }}
{{- end }}
{{- if lt (int .Values.replicas) 1 }}
{{- fail (printf "replicas is %v; at least one is needed" .Values.replicas) }}
{{- end }}
{{- end }}
