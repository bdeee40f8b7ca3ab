"""Random histories of replicas that share folders, which lose, cut off, double and delay what is put there."""
