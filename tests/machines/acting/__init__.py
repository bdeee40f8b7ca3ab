"""Random histories in which clients say who writes, in turns, on replicas that sync, are copied and compact."""
