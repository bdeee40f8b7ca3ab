"""Schemas that change, or differ between replicas."""
