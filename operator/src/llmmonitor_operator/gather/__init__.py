"""From sidecars' reports to the state that evaluation reads."""
