"""The S3 server that other tests lean on keeps objects, knows its accounts, and can be away."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from .s3 import S3


def test_what_was_put_is_got_back(s3: S3) -> None:
    client = s3.client()
    client.put_object(Bucket=s3.bucket, Key="a/b", Body=b"sealed")

    assert client.get_object(Bucket=s3.bucket, Key="a/b")["Body"].read() == b"sealed"


def test_a_stranger_is_refused(s3: S3) -> None:
    stranger = boto3.client(
        "s3", endpoint_url=s3.endpoint, aws_access_key_id=s3.key, aws_secret_access_key="wrong", region_name=s3.region
    )

    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.list_objects_v2(Bucket=s3.bucket)


def test_a_server_that_is_frozen_answers_nobody_until_it_goes_on(s3: S3) -> None:
    impatient = boto3.client(
        "s3",
        endpoint_url=s3.endpoint,
        aws_access_key_id=s3.key,
        aws_secret_access_key=s3.secret,
        region_name=s3.region,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=1),
    )
    s3.pause()
    try:
        with pytest.raises(ReadTimeoutError):
            impatient.list_objects_v2(Bucket=s3.bucket)
    finally:
        s3.resume()

    assert s3.client().list_objects_v2(Bucket=s3.bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
