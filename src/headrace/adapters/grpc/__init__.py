"""gRPC: the Open Inference Protocol and gRPC's own health check, beside HTTP in each worker of a server."""
