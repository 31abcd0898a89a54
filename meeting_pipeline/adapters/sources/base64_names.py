"""Names that Tencent Meeting hands out in base64."""

import base64
import binascii
import re

_IDEOGRAPH = re.compile("[\u3400-\u9fff]")


def decoded_name(name: str) -> str:
    """Return the decoded base64 of a name that Tencent encodes, or the name if it is plain."""
    try:
        decoded = base64.b64decode(name, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return name
    return decoded if decoded.isprintable() else name


def plain_name(name: str) -> str:
    """Return a name that may be encoded, decoded where that is certain.

    Short names such as "Lily" are valid base64, too. What decodes to Chinese is certain (by chance,
    one name in 4,096 that begins with 5 or 6 does), and so is what is padded with "=".
    """
    decoded = decoded_name(name)
    is_certain = name.endswith("=") or bool(_IDEOGRAPH.search(decoded))
    return decoded if decoded and is_certain else name
