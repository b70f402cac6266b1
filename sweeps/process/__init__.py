"""What befalls the process that runs a study: signals and deadlines."""
