"""Complaints: what object stores answer when something is wrong, in one line that says what to do."""

from __future__ import annotations

import re

from crdtsql.base import printable

SERVERS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Scheme -> variables that name another server than the provider's."""
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""Scheme -> variables that say who asks."""
_NO_BUCKET = ("NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist")
_NOT_ALLOWED = re.compile(
    r"\b40[13] |AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|AuthenticationFailed"
)
_ELSEWHERE = re.compile(r"PermanentRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraint|configured region")
_NO_CREDENTIALS = re.compile(r"169\.254\.|metadata\.google|MissingAccount|Account must be specified|\.azure/")
_CODE = re.compile(r"<Code>([A-Za-z0-9]{1,80})</Code>")
_STATUS = re.compile(r"status code: (\d{3} [A-Za-z ]{1,40})")
_LONGEST = 300


def no_bucket(text: str) -> bool:
    """Tell whether not only a file is missing, but the bucket."""
    return any(word in text for word in _NO_BUCKET)


def explain(address: str, text: str) -> str:
    """Say in one line what is wrong, and what to do."""
    scheme, short = address.partition(":")[0], summary(text)
    if no_bucket(text):
        return f"there is no such bucket ({short}): make it, or correct the address"
    if _NO_CREDENTIALS.search(text):
        return f"the environment says not who asks ({short}): set {CREDENTIALS.get(scheme)}"
    if _ELSEWHERE.search(text):
        return f"the bucket is in another region, or on another server ({short}): set AWS_REGION, or {SERVERS['s3'][1]}"
    if _NOT_ALLOWED.search(text):
        return f"it is not allowed ({short}): set {CREDENTIALS.get(scheme)} of somebody who may list, read, write and delete there"
    if "HTTP error" in text:
        named = SERVERS.get(scheme, SERVERS["s3"])[-1 if scheme == "gs" else 1]
        return f"the server can't be reached ({short}): check the network and {named}, then sync again"
    return f"the server does not do what it should ({short}): sync again later"


def summary(text: str) -> str:
    """Return the code and the status that a server gave, else the first line."""
    found = [match[1] for match in (_STATUS.search(text), _CODE.search(text)) if match]
    return " ".join(found) or printable(text.partition("\n")[0])[:_LONGEST]
