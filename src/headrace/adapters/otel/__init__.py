"""OpenTelemetry: what a server did for each request, as spans sent to a collector by OTLP over HTTP."""
