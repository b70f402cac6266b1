"""A real S3-compatible server on this machine's loopback, and buckets in it."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from pyarrow import fs

KEYS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
    "AWS_EC2_METADATA_DISABLED": "true",
}

SERVER = """
import logging, sys
from urllib.request import urlopen
logging.getLogger("werkzeug").setLevel(logging.ERROR)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
urlopen(f"http://{host}:{port}/").read()  # the first answer takes seconds
print(port, flush=True)
sys.stdin.read()
"""


class S3:
    """The server at ``endpoint``, with one bucket for whoever asks no other."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.files = fs.S3FileSystem(
            endpoint_override=endpoint,
            scheme="http",
            allow_bucket_creation=True,
            request_timeout=60,
        )
        self.files.create_dir("tests")

    def address(self, folder: str, bucket: str = "tests") -> str:
        """A folder that nothing has been in."""
        return self.address_of(f"{bucket}/{uuid.uuid4().hex}/{folder}")

    def address_of(self, path: str) -> str:
        return f"s3://{path}?endpoint_override={self.endpoint}&scheme=http"

    def objects(self, address: str) -> dict[str, bytes]:
        """All that is under an address, by its path from there."""
        path = self.path(address)
        found = self.files.get_file_info(fs.FileSelector(path, recursive=True))
        return {
            info.path.removeprefix(f"{path}/"): self.get(info.path)
            for info in found
            if info.is_file
        }

    def get(self, path: str) -> bytes:
        with self.files.open_input_file(path) as file:
            return bytes(file.read())

    def put(self, path: str, content: bytes) -> None:
        with self.files.open_output_stream(path) as file:
            file.write(content)

    @staticmethod
    def path(address: str) -> str:
        return address.removeprefix("s3://").partition("?")[0]


@contextmanager
def s3_server() -> Iterator[str]:
    """Its host and port; it ends with this process, however that ends."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        yield f"127.0.0.1:{int(server.stdout.readline())}"
        server.kill()
