"""The contract between everything: spec, status, report, conditions. Imports nothing of ours."""
