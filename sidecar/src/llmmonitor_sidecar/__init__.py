"""What runs beside the model: supervisor, relay, analyser, samplers."""
