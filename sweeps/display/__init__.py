"""What people see of a study: progress, status, the outcome."""
