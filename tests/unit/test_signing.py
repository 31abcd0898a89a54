"""The signature agrees with Tencent's vectors and with a construction of its own."""

import base64
import hashlib
import hmac
import json
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from requests import PreparedRequest, Request

from meeting_pipeline.adapters.sources.tencent.signing import Credentials, sign, signature

VECTORS = json.loads(
    (Path(__file__).parent / "data" / "tencent_signature_vectors.json").read_text("utf-8")
)
BASE = "https://api.meeting.qq.com"
IDS = Credentials("AKIDexample", "钥匙 key", "200000001", "12345678901")
WORDS = st.text(st.characters(codec="utf-8"), max_size=20)


def prepared(method: str, uri: str, body: str = "") -> PreparedRequest:
    return Request(method, BASE + uri, data=body.encode() or None).prepare()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["uri"][:30])
def test_tencents_own_vectors_come_out(vector: dict[str, str]) -> None:
    ids = Credentials(vector["secret_id"], vector["secret_key"], "200000001")
    request = prepared(vector["method"], vector["uri"], vector["body"])
    assert request.path_url == vector["uri"]
    assert signature(ids, request, vector["timestamp"], vector["nonce"]) == vector["signature"]


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(
    key=WORDS,
    path=st.lists(WORDS.filter(lambda word: word.strip(". ") != ""), max_size=3),
    query=st.dictionaries(WORDS.filter(bool), WORDS, max_size=5),
    body=WORDS,
    timestamp=st.integers(1_500_000_000, 2_000_000_000),
)
def test_any_request_is_signed_as_an_independent_construction_signs_what_is_sent(
    key: str, path: list[str], query: dict[str, str], body: str, timestamp: int
) -> None:
    ids = Credentials("AKID", key, "200000001")
    uri = "/v1/" + "/".join(quote(part, safe="") for part in path) + "?" + urlencode(query)
    request = sign(prepared("POST", uri, body), ids, timestamp)
    target = (request.url or "").removeprefix(BASE)
    sent = request.headers
    lines = [
        "POST",
        f"X-TC-Key=AKID&X-TC-Nonce={sent['X-TC-Nonce']}&X-TC-Timestamp={sent['X-TC-Timestamp']}",
        target,
        body,
    ]
    digest = hmac.digest(key.encode(), "\n".join(lines).encode(), hashlib.sha256).hex()
    assert sent["X-TC-Signature"] == base64.b64encode(digest.encode()).decode()
    assert len(sent["X-TC-Signature"]) == 88
    assert sent["X-TC-Timestamp"] == str(timestamp)


def test_headers_are_spelled_as_documented() -> None:
    request = sign(prepared("GET", "/v1/records"), IDS, 1_572_168_600)
    assert list(request.headers) == [
        "Content-Type",
        "X-TC-Key",
        "X-TC-Timestamp",
        "X-TC-Nonce",
        "X-TC-Signature",
        "X-TC-Registered",
        "AppId",
        "SdkId",
    ]
    assert request.headers["AppId"] == "200000001"
    assert request.headers["SdkId"] == "12345678901"
    assert request.headers["X-TC-Registered"] == "1"


def test_without_an_application_id_no_sdk_id_is_sent() -> None:
    ids = Credentials("AKID", "key", "200000001")
    assert "SdkId" not in sign(prepared("GET", "/v1/records"), ids, 1).headers


def test_every_signing_has_a_nonce_of_its_own() -> None:
    request = prepared("GET", "/v1/records")
    nonces = [sign(request, IDS, 1_572_168_600).headers["X-TC-Nonce"] for _ in range(1000)]
    assert len(set(nonces)) == 1000
    assert all(int(nonce) > 0 for nonce in nonces)


def test_the_key_is_not_shown() -> None:
    assert "钥匙" not in repr(IDS)
