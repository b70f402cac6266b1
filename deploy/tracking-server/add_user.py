"""Adds an account to the tracking server: ``python add_user.py NAME``.

The server's address and the admin's name and password come from the environment, as for any client
of MLflow: MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.
"""

import getpass
import os
import sys

from mlflow.server import get_app_client

if len(sys.argv) != 2:
    sys.exit("usage: python add_user.py NAME")
accounts = get_app_client("basic-auth", tracking_uri=os.environ["MLFLOW_TRACKING_URI"])
accounts.create_user(sys.argv[1], getpass.getpass(f"password for {sys.argv[1]}: "))
