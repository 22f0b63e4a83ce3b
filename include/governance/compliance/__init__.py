"""The evidence bundle of a release: what the laws ask, answered by records, or named as missing."""
