"""How one task runs on one machine: processes, environment, results."""
