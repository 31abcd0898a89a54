"""B3.2: no service and no database is spoken to that cannot prove who it is."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from meeting_pipeline.adapters.db.engine import create_engine, read
from meeting_pipeline.domain.checks import run_checks
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import ConfigError, MeetingError
from meeting_pipeline.settings import config
from meeting_pipeline.wiring import backends
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.transcribers import make_transcriber
from tests.support.certificates import self_signed, server_side
from tests.support.fault_server import FaultServer
from tests.support.mariadb import MariaDb, running_mariadb

NO_FILE = Path("no.env")
WINDOW = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))


@dataclass(frozen=True)
class Proof:
    """What a server shows. is_known: whether we are told to trust who signed it."""

    name: str = "localhost"
    days: int = 1
    is_known: bool = True


BAD = {
    "self-signed": Proof(is_known=False),
    "wrong host": Proof("elsewhere.test"),
    "expired": Proof(days=-1),
}


def ask_tencent(context: BackendContext) -> str:
    """The listing; the code of its error."""
    with pytest.raises(MeetingError) as raised:
        list(backends.make_source(context).list_records(WINDOW))
    return raised.value.code


def ask_the_speech_service(context: BackendContext) -> str:
    """What `meeting doctor` finds."""
    [found] = run_checks(make_transcriber(context, backends.make_source(context)))
    return "tls" if "certificate is not accepted" in found.message else found.message


def ask_the_language_model(context: BackendContext) -> str:
    """What `meeting doctor` finds."""
    [found] = run_checks(backends.make_summarizer(context))
    return "tls" if "certificate is not accepted" in found.message else found.message


@pytest.fixture(params=[ask_tencent, ask_the_speech_service, ask_the_language_model])
def ask(request: pytest.FixtureRequest) -> Callable[[BackendContext], str]:
    """One of the services that have our keys."""
    service: Callable[[BackendContext], str] = request.param
    return service


def parts(url: str, data: Path, services: ExitStack) -> BackendContext:
    """An installation all of whose services are there."""
    settings = {
        "DATA_DIR": str(data),
        "MEETING_SOURCE": "tencent",
        "TQM_SECRET_ID": "id",
        "TQM_SECRET_KEY": "key",
        "ENTERPRISE_ID": "1",
        "APP_ID": "2",
        "TQM_OPERATOR_ID": "admin",
        "TQM_BASE_URL": url,
        "ASR_BACKEND": "openai",
        "ASR_BASE_URL": f"{url}/v1",
        "ASR_API_KEY": "key",
        "ASR_MODEL": "whisper-1",
        "LLM_BACKEND": "kimi",
        "KIMI_BASE_URL": f"{url}/v1",
        "KIMI_API_KEY": "key",
    }
    return BackendContext(config.load(NO_FILE, settings), 1, threading.Event(), services)


def shown(proof: Proof, folder: Path, monkeypatch: pytest.MonkeyPatch) -> FaultServer:
    """A server that shows it, and answers whatever it is asked."""
    certificate = self_signed(folder, proof.name, proof.days)
    if proof.is_known:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return FaultServer(b"{}", tls=server_side(certificate))


@pytest.mark.parametrize("proof", BAD.values(), ids=BAD)
def test_security_02_no_key_is_sent_to_a_service_that_proves_nothing(
    proof: Proof,
    ask: Callable[[BackendContext], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with shown(proof, tmp_path, monkeypatch).running() as server, ExitStack() as services:
        code = ask(parts(f"https://localhost:{server.port}", tmp_path, services))
    assert code == "tls"
    assert not server.asked


def test_security_02_a_service_that_proves_itself_is_asked(
    ask: Callable[[BackendContext], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shown(Proof(), tmp_path, monkeypatch).running() as server, ExitStack() as services:
        code = ask(parts(f"https://localhost:{server.port}", tmp_path, services))
    assert code != "tls"
    assert server.asked


# ── the database ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MariaDb, Path]]:
    """A server that reads its certificate from that file whenever it is told to."""
    proof = tmp_path_factory.mktemp("tls") / "shown.pem"
    shutil.copy(self_signed(proof.parent, "localhost"), proof)
    for folder in (proof.parent, *proof.parents):
        if folder.is_relative_to(tmp_path_factory.getbasetemp()):
            folder.chmod(0o755)  # the server may be another user
    proof.chmod(0o644)
    with running_mariadb(f"--ssl-cert={proof}", f"--ssl-key={proof}") as server:
        server.execute("CREATE DATABASE meeting")
        server.execute("CREATE USER careful@'127.0.0.1' IDENTIFIED BY 'word'")
        server.execute("GRANT ALL ON meeting.* TO careful@'127.0.0.1'")
        yield server, proof


def ask_the_database(server: MariaDb, ca: Path) -> str:
    """The cipher that we speak with; raises as a run does."""
    settings = config.load(
        NO_FILE,
        {
            "DB_HOST": "localhost",
            "DB_PORT": str(server.port),
            "DB_USER": "careful",
            "DB_PASS": "word",
            "DB_NAME": "meeting",
            "DB_CA": str(ca),
        },
    )
    engine = create_engine(settings.database_url, pooled=False)
    rows = read(engine, lambda one: one.execute(text("SHOW STATUS LIKE 'Ssl_cipher'")).all())
    return str(rows[0][1])


@pytest.mark.mariadb
@pytest.mark.parametrize("proof", BAD.values(), ids=BAD)
def test_security_02_no_password_is_sent_to_a_database_that_proves_nothing(
    proof: Proof, tls_server: tuple[MariaDb, Path], tmp_path: Path
) -> None:
    server, file = tls_server
    certificate = self_signed(tmp_path, proof.name, proof.days)
    shutil.copy(certificate, file)
    server.execute("FLUSH SSL")
    (tmp_path / "others").mkdir()
    ca = certificate if proof.is_known else self_signed(tmp_path / "others", "localhost")
    with pytest.raises(ConfigError) as raised:
        ask_the_database(server, ca)
    assert raised.value.code == "database_tls"


@pytest.mark.mariadb
def test_security_02_a_database_that_proves_itself_is_spoken_to_in_secret(
    tls_server: tuple[MariaDb, Path], tmp_path: Path
) -> None:
    server, file = tls_server
    certificate = self_signed(tmp_path, "localhost")
    shutil.copy(certificate, file)
    server.execute("FLUSH SSL")
    assert ask_the_database(server, certificate)


def test_security_02_a_database_without_tls_is_refused_where_it_must_prove_itself(
    mariadb: MariaDb, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as raised:
        ask_the_database(mariadb, self_signed(tmp_path, "localhost"))
    assert raised.value.code == "database_tls"


def test_security_02_a_file_of_certificates_that_is_not_there_is_named(tmp_path: Path) -> None:
    settings = config.load(NO_FILE, {"DB_HOST": "db", "DB_CA": str(tmp_path / "no.pem")})
    with pytest.raises(ConfigError, match=r"no\.pem"):
        _ = settings.database_url
