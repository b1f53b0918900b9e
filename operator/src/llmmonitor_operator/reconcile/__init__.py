"""One pass after another moves what is towards what should be; nothing depends on having seen an event."""
