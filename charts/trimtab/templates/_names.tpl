{{/* Name of everything in the release; a release called trimtab does not repeat itself. */}}
{{- define "trimtab.fullname" -}}
{{- if contains "trimtab" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-trimtab{{ end }}
{{- end }}

{{- define "trimtab.selectorLabels" -}}
app.kubernetes.io/name: trimtab
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "trimtab.labels" -}}
{{ include "trimtab.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* Reference of an image: {image: one of .Values' images, root: $}. */}}
{{- define "trimtab.image" -}}
{{- if .image.digest }}{{ .image.repository }}@{{ .image.digest }}
{{- else }}{{ .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* Name of objects outside of namespaces, where releases of several namespaces meet. */}}
{{- define "trimtab.clusterName" -}}
{{ .Release.Namespace }}-{{ include "trimtab.fullname" . }}
{{- end }}

{{/* JSON list of the watched namespaces; of no meaning with clusterWide. */}}
{{- define "trimtab.namespaces" -}}
{{ .Values.namespaces | default (list .Release.Namespace) | toJson }}
{{- end }}

{{/*
With one watched namespace the Lease lives there under one fixed name, so that a second operator for the same
namespace waits; with several, or all, it lives beside the operator under a name of the release.
*/}}
{{- define "trimtab.leaseNamespace" -}}
{{- $namespaces := include "trimtab.namespaces" . | fromJsonArray }}
{{- if or .Values.clusterWide (gt (len $namespaces) 1) }}{{ .Release.Namespace }}{{ else }}{{ first $namespaces }}{{ end }}
{{- end }}

{{- define "trimtab.leaseName" -}}
{{- if .Values.clusterWide }}{{ include "trimtab.fullname" . }}-cluster
{{- else if eq (len (include "trimtab.namespaces" . | fromJsonArray)) 1 }}trimtab
{{- else }}{{ include "trimtab.fullname" . }}
{{- end }}
{{- end }}

{{/* Where the operator finds its own registry password. */}}
{{- define "trimtab.registryCA" -}}
/etc/trimtab/registry-ca
{{- end }}

{{- define "trimtab.credentials" -}}
/etc/trimtab/credentials
{{- end }}
