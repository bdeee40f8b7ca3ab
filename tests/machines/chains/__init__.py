"""Random histories of groups that require proofs: they get everywhere what groups without do."""
