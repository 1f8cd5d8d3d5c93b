{{- define "aigw.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "aigw.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "aigw.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "aigw.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "aigw.selectorLabels" -}}
app.kubernetes.io/name: {{ include "aigw.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "aigw.labels" -}}
{{ include "aigw.selectorLabels" . }}
app.kubernetes.io/version: {{ regexReplaceAll "[^A-Za-z0-9_.-]" (splitList "@" (.Values.image.tag | toString) | first) "-" | trunc 63 | trimAll "-._" | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 }}
{{- end -}}

{{/* The image. What runs must be known: "latest" is another program tomorrow, and no rollback leads back to it. */}}
{{- define "aigw.image" -}}
{{- $tag := .Values.image.tag | toString | trim -}}
{{- if not (or (kindIs "string" .Values.image.tag) (kindIs "invalid" .Values.image.tag)) -}}
{{- fail (printf "image.tag is the number %s: as a number, 17.10 is 17.1; write it as a text, with --set-string image.tag=… or in quotes" $tag) -}}
{{- end -}}
{{- if or (not .Values.image.tag) (eq $tag "") -}}
{{- fail "image.tag is empty: name the version of the gateway that your GitLab is served by, for example --set image.tag=0.1.0" -}}
{{- else if eq $tag "latest" -}}
{{- fail "image.tag is \"latest\": that is another program after the next release, and no rollback leads back to it; name a version, for example --set image.tag=0.1.0" -}}
{{- end -}}
{{- printf "%s:%s" .Values.image.repository $tag -}}
{{- end -}}

{{- define "aigw.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "aigw.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "aigw.apiUrl" -}}
{{- if .Values.gitlab.apiUrl -}}
{{- .Values.gitlab.apiUrl -}}
{{- else if .Values.gitlab.url -}}
{{- printf "%s/api/v4/" (trimSuffix "/" .Values.gitlab.url) -}}
{{- end -}}
{{- end -}}

{{- define "aigw.signingSecret" -}}
{{- .Values.aigwSigningKey.secret | default (printf "%s-signing-key" (include "aigw.fullname" .)) -}}
{{- end -}}

{{- define "aigw.portName" -}}
{{- ternary "https" "http" .Values.tls.enabled -}}
{{- end -}}

{{/* Kubernetes counts from the moment it tells the pod to go: the wait, the drain, and then some. */}}
{{- define "aigw.grace" -}}
{{- $needed := add .Values.drain.waitSeconds .Values.drain.drainSeconds -}}
{{- $grace := .Values.terminationGracePeriodSeconds -}}
{{- if kindIs "invalid" $grace -}}
{{- add $needed 15 -}}
{{- else if lt (int $grace) (int (add $needed 5)) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d: answers would be cut after that time; drain.waitSeconds and drain.drainSeconds need %d and 5 more" (int $grace) $needed) -}}
{{- else -}}
{{- int $grace -}}
{{- end -}}
{{- end -}}

{{/* A probe: dict "root" $ "path" … "times" {…} */}}
{{- define "aigw.probe" -}}
httpGet:
  path: {{ .path }}
  port: {{ include "aigw.portName" .root }}
  scheme: {{ ternary "HTTPS" "HTTP" .root.Values.tls.enabled }}
{{ toYaml .times }}
{{- end -}}
