"""The REST edge: strict JSON in front of gRPC, and the clients of the gateway."""
