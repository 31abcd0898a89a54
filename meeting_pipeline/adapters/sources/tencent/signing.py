"""Tencent Meeting's request signature (AK/SK, TC3-HMAC-SHA256 as of docs 58768 and 42413).

The bytes that are signed are the bytes that are sent: a request is prepared first, then signed as
it is, and nothing touches it afterwards.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from requests import PreparedRequest

_LARGEST_NONCE = 2**31 - 1


@dataclass(frozen=True)
class Credentials:
    """One self-built application of one enterprise.

    enterprise_id: what the header AppId carries. application_id: what SdkId carries; "" where the
    console gave none, then the header is left out.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    enterprise_id: str
    application_id: str = ""


def sign(request: PreparedRequest, credentials: Credentials, timestamp: int) -> PreparedRequest:
    """Put the headers of one attempt on a prepared request, with a nonce of its own.

    timestamp: Unix seconds, within five minutes of the server's.
    """
    nonce = str(secrets.randbelow(_LARGEST_NONCE) + 1)
    headers = {
        "Content-Type": "application/json",
        "X-TC-Key": credentials.secret_id,
        "X-TC-Timestamp": str(timestamp),
        "X-TC-Nonce": nonce,
        "X-TC-Signature": signature(credentials, request, str(timestamp), nonce),
        "X-TC-Registered": "1",
        "AppId": credentials.enterprise_id,
    }
    if credentials.application_id:
        headers["SdkId"] = credentials.application_id
    request.headers.update(headers)
    return request


def signature(
    credentials: Credentials, request: PreparedRequest, timestamp: str, nonce: str
) -> str:
    """base64 of the hex of HMAC-SHA256 over method, signed headers, target and body."""
    signed_headers = (
        f"X-TC-Key={credentials.secret_id}&X-TC-Nonce={nonce}&X-TC-Timestamp={timestamp}"
    )
    head = f"{request.method}\n{signed_headers}\n{request.path_url}\n"
    body = request.body or b""
    text = head.encode() + (body.encode() if isinstance(body, str) else body)
    hexadecimal = hmac.new(credentials.secret_key.encode(), text, hashlib.sha256).hexdigest()
    return base64.b64encode(hexadecimal.encode()).decode()
