"""The AK/SK signature of Tencent Meeting, implemented a second time (Tencent doc 58768).

header string    X-TC-Key=…&X-TC-Nonce=…&X-TC-Timestamp=…
string to sign   METHOD \\n header string \\n URI \\n body
signature        base64 of the lower-case hex text of HMAC-SHA256
"""

import base64
import hashlib
import hmac


def signature(
    secret_key: str,
    *,
    secret_id: str,
    nonce: str,
    timestamp: str,
    method: str,
    uri: str,
    body: bytes,
) -> str:
    """Return the 88 characters of `X-TC-Signature`.

    `uri` is path and query exactly as on the wire, `body` the exact bytes sent.
    """
    header_string = f"X-TC-Key={secret_id}&X-TC-Nonce={nonce}&X-TC-Timestamp={timestamp}"
    head = f"{method}\n{header_string}\n{uri}\n".encode("latin-1", "replace")
    digest = hmac.new(secret_key.encode(), head + body, hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode("ascii")).decode("ascii")


def same(left: str, right: str) -> bool:
    """Compare two signatures in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())
