"""The REST edge: strict JSON in, gRPC behind; and who may ask."""
