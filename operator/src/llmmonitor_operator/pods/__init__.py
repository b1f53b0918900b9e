"""Reading pods: their class and state, our sidecar in them, and which container serves the model where."""
