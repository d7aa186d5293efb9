"""The bucket from which CloudFormation takes code and template: one for each account and region.

Its name can be guessed, and so taken by somebody else: every call names the account that must own it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stepherd.cloud.clients import aws_client
from stepherd.errors import CannotCreateError, CredentialsError
from stepherd.services.aws.errors import error_code, translated

__all__ = ["KEPT_DAYS", "Staging", "staging_name"]

KEPT_DAYS: Final = 365
"""CloudFormation needs the code of the stack as it was to go back to it when an update fails."""
_US: Final = "us-east-1"  # the one region that is no location constraint


def staging_name(account: str, region: str) -> str:
    """The name of the staging bucket."""
    return f"stepherd-staging-{account}-{region}"


@dataclass(frozen=True, slots=True)
class Staging:
    """The staging bucket of an account and region."""

    client: Any
    account: str
    region: str
    partition: str = "aws"

    @classmethod
    def of(cls, account: str, region: str, partition: str) -> Staging:
        """The bucket, not looked at yet."""
        return cls(aws_client("s3", region), account, region, partition)

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return staging_name(self.account, self.region)

    def prepare(self) -> None:
        """Make it where it is not there, and see to its settings in any case; again changes nothing.

        Raises CannotCreateError when another account has the name, CredentialsError, TemporaryError.
        """
        with translated(f"the bucket {self.bucket}"):
            if not self.exists():
                self._create()
            self._protect()

    def exists(self) -> bool:
        """Whether it is there. Raises CannotCreateError when it is another account's."""
        try:
            self.client.head_bucket(Bucket=self.bucket, ExpectedBucketOwner=self.account)
        except Exception as error:
            if error_code(error) in {"404", "NoSuchBucket"}:
                return False
            if error_code(error) == "403":
                raise CredentialsError(
                    f"The bucket {self.bucket} cannot be checked: it belongs to another account, or "
                    "AWS refuses "
                    "s3:ListBucket.",
                    remedy="Allow s3:ListBucket on it, or use another region with --region.",
                ) from error
            raise
        return True

    def put(self, path: Path, digest: str, suffix: str) -> str:
        """Upload a file under the digest of its content, unless it is there; its key."""
        key = f"{digest}{suffix}"
        with translated(f"s3://{self.bucket}/{key}"):
            try:
                self.client.head_object(Bucket=self.bucket, Key=key, ExpectedBucketOwner=self.account)
            except Exception as error:
                if error_code(error) not in {"404", "NoSuchKey"}:
                    raise
                with path.open("rb") as body:
                    self.client.put_object(
                        Bucket=self.bucket, Key=key, Body=body, ExpectedBucketOwner=self.account
                    )
        return key

    def address(self, key: str) -> str:
        """The https address of a key, as CloudFormation takes a template's."""
        suffix = "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"
        return f"https://{self.bucket}.s3.{self.region}.{suffix}/{key}"

    def _create(self) -> None:
        where = {} if self.region == _US else {"LocationConstraint": self.region}
        try:
            self.client.create_bucket(
                Bucket=self.bucket, **({"CreateBucketConfiguration": where} if where else {})
            )
        except Exception as error:
            if error_code(error) == "BucketAlreadyOwnedByYou":
                return
            if error_code(error) == "BucketAlreadyExists":
                raise CannotCreateError(
                    f"Another account has the name of the staging bucket, {self.bucket}.",
                    remedy="Use another region with --region, or tell AWS Support about the bucket.",
                ) from error
            raise

    def _protect(self) -> None:
        owned = {"Bucket": self.bucket, "ExpectedBucketOwner": self.account}
        every = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
        self.client.put_public_access_block(
            **owned, PublicAccessBlockConfiguration=dict.fromkeys(every, True)
        )
        encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        self.client.put_bucket_encryption(**owned, ServerSideEncryptionConfiguration={"Rules": [encryption]})
        self.client.put_bucket_policy(**owned, Policy=json.dumps(self._policy()))
        rule = {
            "ID": "Expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": KEPT_DAYS},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        }  # fmt: skip
        self.client.put_bucket_lifecycle_configuration(**owned, LifecycleConfiguration={"Rules": [rule]})
        tags = [{"Key": "Application", "Value": "stepherd"}]
        self.client.put_bucket_tagging(**owned, Tagging={"TagSet": tags})

    def _policy(self) -> dict[str, Any]:
        arn = f"arn:{self.partition}:s3:::{self.bucket}"
        statement = {
            "Sid": "TlsOnly", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"], "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }  # fmt: skip
        return {"Version": "2012-10-17", "Statement": [statement]}
