"""Who runs what and when: events in, instructions out; no MPI, no clock, no I/O."""
