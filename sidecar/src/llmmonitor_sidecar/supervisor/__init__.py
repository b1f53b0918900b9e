"""Starts relay and analyser, arms and disarms interception, and steps aside when in doubt. Never parses."""
