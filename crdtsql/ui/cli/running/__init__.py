"""The commands of whoever keeps replicas running: `service`, `metrics`, `verify`."""
