"""Request signatures of Tencent Meeting (AK/SK, TC3-HMAC-SHA256; Tencent docs 58768, 42413).

The signature covers exactly the bytes that are sent: a request is prepared, then signed as it is,
and not changed afterwards.
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
    """The credentials of one self-built application of an enterprise.

    Attributes:
        secret_id: The id of the key pair.
        secret_key: The secret of the key pair.
        enterprise_id: The value of the header AppId.
        application_id: The value of the header SdkId; "" if the console shows none, and the header
            is left out.
    """

    secret_id: str
    secret_key: str = field(repr=False)
    enterprise_id: str
    application_id: str = ""


def sign(request: PreparedRequest, credentials: Credentials, timestamp: int) -> PreparedRequest:
    """Add the signature headers of one attempt, with its own nonce, to a prepared request.

    Args:
        request: The request, which is changed and returned.
        credentials: The credentials.
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
    """Return the base64 of the hex HMAC-SHA256 of method, signed headers, target and body.

    Args:
        credentials: The credentials.
        request: The prepared request.
        timestamp: The value of the header X-TC-Timestamp.
        nonce: The value of the header X-TC-Nonce.
    """
    signed_headers = (
        f"X-TC-Key={credentials.secret_id}&X-TC-Nonce={nonce}&X-TC-Timestamp={timestamp}"
    )
    head = f"{request.method}\n{signed_headers}\n{request.path_url}\n"
    body = request.body or b""
    text = head.encode() + (body.encode() if isinstance(body, str) else body)
    hexadecimal = hmac.new(credentials.secret_key.encode(), text, hashlib.sha256).hexdigest()
    return base64.b64encode(hexadecimal.encode()).decode()
