"""Many runs: study files, search, packs, Ray, MLflow and the command line."""
