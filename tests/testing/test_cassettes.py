"""Cassettes: sessions recorded from a real backend, and replayed without a server."""

from __future__ import annotations

import gzip
import json
import re
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from nemovideo import Client, errors
from nemovideo.events import StillWorkingEvent, TextEvent
from nemovideo.local import LocalBackend
from nemovideo.local.server.faults import Fault
from nemovideo.models import RenderedVideo
from nemovideo.retry import Polling, StreamLimits
from nemovideo.testing import FakeClock, record, replay
from nemovideo.testing.cassettes import tape
from nemovideo.testing.cassettes.recording import whole_lines
from nemovideo.testing.cassettes.redaction import Redactor, matches

QUICK = Polling(interval_s=0.05)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.cassette.json"


def requests_in(path: Path) -> list[str]:
    return [
        f"{i.request.method} {httpx.URL(i.request.url).path}" for i in tape.read(path).interactions
    ]


def assert_same(replayed: RenderedVideo, recorded: RenderedVideo) -> None:
    assert replayed.path is not None
    assert recorded.path is not None
    assert replayed.path.read_bytes() == recorded.path.read_bytes()
    assert replayed.reply == recorded.reply
    assert replayed.session_id == recorded.session_id
    assert replayed.credits_spent == recorded.credits_spent == 1
    assert replayed.job.url == recorded.job.url
    assert replayed.project_url is not None
    assert "ct=clm_redacted-" in replayed.project_url


def test_background_removal_is_replayed_without_a_server(
    path: Path, clip: Path, tmp_path: Path
) -> None:
    with (
        LocalBackend(tmp_path / "state", engine="fast") as backend,
        record(path) as cassette,
        cassette.client(base_url=backend.url, web_url=backend.url, polling=QUICK) as client,
    ):
        recorded = client.remove_background(
            clip, background="white", output=tmp_path / "recorded.mp4"
        )
        before = client.sessions.attach(recorded.session_id).state()
    with replay(path) as played, played.client() as client:
        replayed = client.remove_background(
            clip, background="white", output=tmp_path / "replayed.mp4"
        )
        after = client.sessions.attach(replayed.session_id).state()
        assert played.unused == []
        played.assert_all_used()
    assert_same(replayed, recorded)
    assert after == before
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.anyio
async def test_background_removal_with_the_async_client_is_replayed(
    path: Path, clip: Path, tmp_path: Path
) -> None:
    with LocalBackend(tmp_path / "state", engine="fast") as backend, record(path) as cassette:
        async with cassette.async_client(
            base_url=backend.url, web_url=backend.url, polling=QUICK
        ) as client:
            recorded = await client.remove_background(
                clip, background="white", output=tmp_path / "recorded.mp4"
            )
    with replay(path) as played:
        async with played.async_client() as client:
            replayed = await client.remove_background(
                clip, background="white", output=tmp_path / "replayed.mp4"
            )
        played.assert_all_used()
    assert_same(replayed, recorded)
    with replay(path) as played, played.client() as sync_client:  # recorded async, played sync
        again = sync_client.remove_background(
            clip, background="white", output=tmp_path / "again.mp4"
        )
        played.assert_all_used()
    assert_same(again, recorded)


def test_the_file_contains_no_secrets(
    path: Path, backend: LocalBackend, clip: Path, tmp_path: Path
) -> None:
    client_id = "5b8e8a1e-0000-4000-8000-00000000cafe"
    with (
        record(path, redact=["birthday", re.compile(r"no\. (?P<secret>\d+)")]) as cassette,
        cassette.client(
            base_url=backend.url, client_id=client_id, polling=QUICK, config_dir=tmp_path / "c"
        ) as client,
    ):
        token = str(client.auth.token())
        session = client.sessions.create()
        session.upload(clip)
        claim = client.auth.claim_token(session)
        session.send("add a title 'birthday no. 471147114711'")
        session.export(tmp_path / "a.mp4")
        backend.expire_tokens()
        renewed = str(client.auth.anonymous_token())
    text = path.read_text(encoding="utf-8")
    for secret in (token, renewed, str(claim.token), client_id, "birthday", "471147114711"):
        assert secret
        assert secret not in text
    assert "nmv_usr_redacted-" in text
    assert "add a title 'redacted-" in text
    with replay(path) as again, again.client() as client:
        client.auth.token()


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ('{"token": "opaque-value"}', "opaque-value"),
        ('{"data": {"claim_token" : "clm_12345"}}', "clm_12345"),
        ('{"result": "{\\"access_token\\": \\"opaque-value\\"}"}', "opaque-value"),
        ('{"user_id": "anon_777"}', "anon_777"),
        ('{"userId": "4f5e6d"}', "4f5e6d"),
        ('{"text": "see https://cdn.example/a.mp4?sig=abc&e=1 now"}', "sig=abc&e=1"),
        ('{"outputUrl": "/files/a.mp4?sig=abc"}', "sig=abc"),
        ('{"u": "https:\\/\\/cdn.example\\/a.mp4?X-Sig=a\\u0026e=1"}', "X-Sig=a"),
        ("https://me:hunter2@proxy.example/x", "hunter2"),
        ("Authorization: Bearer abc.def/ghi=", "abc.def/ghi="),
        ("it said eyJhbGciOiJI.eyJzdWIiOiIx.c2ln in the log", "eyJzdWIiOiIx"),
        ("请打开 https://nemovideo.com?bind=anon_9 注册", "anon_9"),
        ('{"email": "a@b.example"}', "a@b.example"),
    ],
)
def test_secrets_are_found_by_name_and_by_form(text: str, secret: str) -> None:
    clean = Redactor().text(text)
    assert secret in text
    assert secret not in clean
    assert "redacted-1" in clean
    assert matches(clean, text)
    assert Redactor().text(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        '{"user_id": "me", "session_id": "5529798706024415232"}',
        '{"usage": {"promptTokenCount": 17}, "tokens": true}',
        "Is it on https://nemovideo.com? I think so.",
        '{"text": "the word token is not one"}',
    ],
)
def test_other_text_is_kept(text: str) -> None:
    assert Redactor().text(text) == text


def test_the_query_of_a_relative_link_is_redacted() -> None:
    headers = {"location": "/files/a.mp4?sig=canary", "x-client-id": "c1"}
    redactor = Redactor()
    clean = redactor.headers(headers)
    assert clean == {"location": "/files/a.mp4?redacted-2", "x-client-id": "redacted-1"}
    assert redactor.text("https://x.example/files/a.mp4?sig=canary").endswith("?redacted-2")


@pytest.mark.parametrize("words", ['say "hi"', "a\\b", "机密 café", "two\nlines"])
def test_user_defined_secrets_are_redacted_in_every_json_spelling(words: str) -> None:
    redactor = Redactor([words])
    for text in (words, json.dumps({"t": words}), json.dumps({"t": words}, ensure_ascii=False)):
        clean = redactor.text(text)
        assert "redacted-" in clean
        assert clean.count("redacted-") == 1
        for spelling in (
            words,
            json.dumps(words)[1:-1],
            json.dumps(words, ensure_ascii=False)[1:-1],
        ):
            assert spelling not in clean


def test_a_greedy_pattern_does_not_lose_the_recording(path: Path, backend: LocalBackend) -> None:
    with (
        record(path, redact=[re.compile("proj.*")]) as cassette,
        cassette.client(base_url=backend.url) as client,
    ):
        client.sessions.create()
    with replay(path) as played, played.client() as client:
        client.sessions.create()
        played.assert_all_used()
    assert "project" not in path.read_text(encoding="utf-8").replace("nemovideo-cassette", "")


def test_a_compressed_answer_is_kept_readable(path: Path) -> None:
    def respond(_: httpx.Request) -> httpx.Response:
        body = gzip.compress(b'{"code": 0, "data": {"available": 7, "frozen": 0, "total": 7}}')
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    gateway = "https://gateway.test"  # its tokens have their own format
    with (
        respx.mock(base_url=gateway) as router,
        record(path) as cassette,
        cassette.client("opaque-canary", base_url=gateway) as client,
    ):
        router.route().mock(side_effect=respond)
        assert client.credits.balance().available == 7
    text = path.read_text(encoding="utf-8")
    assert '"available": 7' in text
    assert "opaque-canary" not in text
    with replay(path) as played, played.client() as client:
        assert client.credits.balance().available == 7


def test_each_secret_has_its_own_placeholder() -> None:
    redactor = Redactor()
    redactor.learn('{"token": "opaque-value"}')
    clean = redactor.text("opaque-value nmv_usr_1 nmv_usr_2 opaque-value nmv_usr_1")
    a, b, c, d, e = clean.split()
    assert (a, b) == (d, e)
    assert len({a, b, c}) == 3
    assert not matches(clean, "opaque-value")


def test_a_secret_split_between_chunks_is_redacted() -> None:
    body = 'data: {"text":"好 nmv_usr_canary123 and nmv_usr_canary456 好"}\n\ndata: cut'.encode()
    for first in range(len(body)):
        second = min(len(body), first + 7)
        chunks = [(1.0, body[:first]), (2.0, body[first:second]), (3.0, body[second:])]
        lines = whole_lines(chunks)
        assert b"".join(line for _, line in lines) == body
        clean = "".join(Redactor().text(line.decode()) for _, line in lines)
        assert "canary" not in clean


def test_uploads_are_kept_without_their_bytes(
    path: Path, backend: LocalBackend, clip: Path
) -> None:
    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        client.sessions.create().upload(clip)
    (upload,) = [i for i in tape.read(path).interactions if "upload-video" in i.request.url]
    (file,) = upload.request.files
    assert (file.filename, file.size) == ("talk.mp4", clip.stat().st_size)
    assert path.stat().st_size < clip.stat().st_size


# --- streams and faults ---------------------------------------------------------------------


def test_streams_are_kept_with_their_timing(path: Path, backend: LocalBackend, clip: Path) -> None:
    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        session = client.sessions.create()
        session.upload(clip)
        with session.stream("blur the background", tokens=True) as stream:
            recorded = list(stream)
    (run,) = [i for i in tape.read(path).interactions if i.request.url.endswith("/run_sse")]
    assert run.response.stream is not None
    times = [at for at, _ in run.response.stream]
    assert times == sorted(times)
    assert "".join(text for _, text in run.response.stream).count("data: ") >= len(recorded)
    assert not run.response.disconnected
    with replay(path) as played, played.client() as client:
        session = client.sessions.create()
        session.upload(clip)
        with session.stream("blur the background", tokens=True) as stream:
            assert list(stream) == recorded


def slow(path: Path, gap_s: float, backend: LocalBackend, clip: Path) -> None:
    """Record a run, and insert a long silence before its last chunk."""
    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        session = client.sessions.create()
        session.upload(clip)
        session.send("blur the background")
    content = json.loads(path.read_text(encoding="utf-8"))
    for item in content["interactions"]:
        if "stream" in item["response"]:
            item["response"]["stream"][-1][0] += gap_s
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(("speed", "waited_s"), [(None, 0), (1.0, 130)])
def test_a_stream_is_replayed_immediately_or_with_its_timing(
    path: Path, backend: LocalBackend, clip: Path, speed: float | None, waited_s: float
) -> None:
    slow(path, 130, backend, clip)
    clock = FakeClock(grace_s=5)
    with replay(path, speed=speed) as played, played.client(clock=clock) as client:
        session = client.sessions.create()
        session.upload(clip)
        session.send("blur the background")
    assert sum(clock.waits) == pytest.approx(waited_s, rel=0.1)


def test_a_replayed_silence_times_out_again(path: Path, backend: LocalBackend, clip: Path) -> None:
    slow(path, 130, backend, clip)
    with replay(path, speed=100) as played, played.client() as client:
        session = client.sessions.create()
        session.upload(clip)
        with session.stream("blur the background") as stream:
            kinds = [type(event) for event in stream]
    assert StillWorkingEvent in kinds
    assert TextEvent in kinds


def test_a_speed_must_be_positive(path: Path) -> None:
    with pytest.raises(errors.InvalidRequestError, match="speed is 0"):
        replay(path, speed=0)


def test_a_dropped_stream_recovers_in_the_replay_as_it_did(
    path: Path, backend: LocalBackend, clip: Path
) -> None:
    backend.faults.add(Fault(kind="drop", path="/run_sse", after_bytes=200, run_continues=True))
    with (
        record(path) as cassette,
        cassette.client(base_url=backend.url, clock=FakeClock()) as client,
    ):
        session = client.sessions.create()
        session.upload(clip)
        recorded = session.send("blur the background")
    assert recorded.recovered
    with replay(path) as played, played.client() as client:
        session = client.sessions.create()
        session.upload(clip)
        assert session.send("blur the background") == recorded
        played.assert_all_used()
    assert requests_in(path).count("POST /run_sse") == 1


def test_a_stream_that_fell_silent_is_silent_in_the_replay(
    path: Path, backend: LocalBackend
) -> None:
    backend.faults.add(Fault(kind="stall", path="/run_sse", after_bytes=0))
    limits = StreamLimits(silence_s=300, total_s=900, notice_s=120)
    with record(path) as cassette:
        clock = FakeClock(grace_s=0.5)
        with cassette.client(base_url=backend.url, clock=clock, stream=limits) as client:
            session = client.sessions.create()
            with pytest.raises(errors.StreamTimeoutError):
                session.send("blur the background")
    (run,) = [i for i in tape.read(path).interactions if i.request.url.endswith("/run_sse")]
    assert run.response.disconnected
    assert '"disconnected": true' in path.read_text(encoding="utf-8")
    clock = FakeClock(grace_s=0.2)
    with replay(path) as played, played.client(clock=clock, stream=limits) as client:
        session = client.sessions.create()
        with pytest.raises(errors.StreamTimeoutError):
            session.send("blur the background")


def test_a_stream_that_was_abandoned_early_can_be_abandoned_again(
    path: Path, backend: LocalBackend, clip: Path
) -> None:
    def program(client: Client) -> None:
        session = client.sessions.create()
        session.upload(clip)
        with session.stream("trim to the first half second", tokens=True) as stream:
            next(iter(stream))
        assert session.send("blur the background").tool_calls

    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        program(client)
    with replay(path) as played, played.client() as client:
        program(client)


def test_an_expired_token_is_renewed_in_the_replay_too(path: Path, backend: LocalBackend) -> None:
    with Client(base_url=backend.url) as client:
        client.auth.token()  # so that the recorded session begins with a stored one
    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        client.credits.balance()
        backend.expire_tokens()
        client.sessions.create()
    with replay(path) as played, played.client() as client:
        assert client.credits.balance().available == 100
        client.sessions.create()
        played.assert_all_used()


def test_error_responses_are_replayed(path: Path, backend: LocalBackend) -> None:
    backend.faults.add(
        Fault(
            kind="status", path="/api/credits/*", status=429, headers={"Retry-After": "7"}, times=2
        )
    )

    def program(client: Client) -> None:
        with pytest.raises(errors.SessionNotFoundError):
            client.sessions.attach("123").state()
        with pytest.raises(errors.RateLimitError) as caught:
            client.credits.balance()
        assert caught.value.retry_after == 7

    with (
        record(path) as cassette,
        cassette.client(base_url=backend.url, clock=FakeClock()) as client,
    ):
        program(client)
    with replay(path) as played, played.client() as client:
        program(client)
        played.assert_all_used()


def test_a_refused_connection_is_replayed(path: Path, tmp_path: Path) -> None:
    with LocalBackend(tmp_path / "gone", engine="fast") as backend:
        url = backend.url

    def program(client: Client) -> None:
        with pytest.raises(errors.APIConnectionError) as caught:
            client.credits.balance()
        assert not caught.value.sent

    with (
        record(path) as cassette,
        cassette.client("nmv_usr_mine", base_url=url, clock=FakeClock()) as client,
    ):
        program(client)
    with replay(path) as played, played.client() as client:
        program(client)
        played.assert_all_used()
    assert "nmv_usr_mine" not in path.read_text(encoding="utf-8")


# --- mismatches -----------------------------------------------------------------------------


@pytest.fixture
def balance(path: Path, backend: LocalBackend) -> Path:
    """A cassette with a token, a balance and a session."""
    with record(path) as cassette, cassette.client(base_url=backend.url) as client:
        client.credits.balance()
        client.sessions.create()
    return path


def test_a_request_that_was_not_recorded_is_named_in_the_error(balance: Path) -> None:
    def program(client: Client) -> None:
        client.credits.balance()
        with pytest.raises(errors.CassetteError, match=r"GET .*/api/credits/.*already") as caught:
            client.credits.balance()
        assert "record" in caught.value.remedy

    def block() -> None:
        with replay(balance) as played, played.client() as client:
            program(client)

    with pytest.raises(errors.CassetteError, match="has no recording of: GET"):
        block()


def test_a_request_with_a_different_body_does_not_match(balance: Path) -> None:
    with replay(balance) as played, played.client() as client:
        with pytest.raises(errors.CassetteError, match=r'recorded with .*"en".*now with .*"ja"'):
            client.sessions.create(language="ja")
        played.missing.clear()


def test_requests_that_were_not_made_are_named(balance: Path) -> None:
    with replay(balance) as played, played.client() as client:
        client.credits.balance()
        assert [line.split("/api")[1] for line in played.unused] == [
            "/tasks/me/with-session/nemo_agent"
        ]
        with pytest.raises(AssertionError, match="POST"):
            played.assert_all_used()


def test_a_replay_does_not_use_the_users_own_token(
    balance: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("NEMO_TOKEN", "nmv_usr_mine")
    with replay(balance) as played, played.client() as client:
        client.credits.balance()
        assert "mine" not in str(client.auth.token())
    assert not (tmp_path / "config").exists()


def test_a_recording_is_written_even_if_the_block_fails(path: Path, backend: LocalBackend) -> None:
    with (
        pytest.raises(errors.SessionNotFoundError),
        record(path) as cassette,
        cassette.client(base_url=backend.url) as client,
    ):
        client.sessions.attach("123").state()
    assert "GET /api/state/nemo_agent/me/123/latest" in requests_in(path)


def test_a_missing_folder_is_reported_before_the_block(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidRequestError, match="no folder"), record(tmp_path / "a" / "b"):
        raise AssertionError("the block must not begin")


def test_a_body_that_was_too_large_to_keep_is_reported(path: Path, backend: LocalBackend) -> None:
    with record(path, keep_bytes=10) as cassette, cassette.client(base_url=backend.url) as client:
        client.credits.balance()
    token_answer = tape.read(path).interactions[0].response
    assert token_answer.size is not None
    with (
        replay(path) as played,
        played.client() as client,
        pytest.raises(errors.CassetteError, match="was not kept") as caught,
    ):
        client.credits.balance()
    assert "keep_bytes" in caught.value.remedy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON: nested too deeply"),
        ("[]", "is not a cassette"),
        ('{"format": "nemovideo-cassette", "version": 1}', "version 1"),
        ('{"format": "nemovideo-cassette", "version": 99}', "version 99"),
        (r'{"format": "nemovideo-cassette", "version": "\u001b[2J"}', r"version '\\x1b\[2J'"),
        ('{"format": "nemovideo-cassette", "version": 2}', "is damaged"),
    ],
)
def test_a_damaged_cassette_is_reported(path: Path, content: str | None, message: str) -> None:
    if content is not None:
        path.write_text(content)
    with pytest.raises(errors.CassetteError, match=message):
        replay(path)


def test_the_file_holds_any_text_and_any_bytes(path: Path) -> None:
    cut = b"\xe5\xa5".decode("utf-8", "surrogateescape")
    odd: list[Any] = ["\ud83d lone", "好 \u2028", {"a": [1.5, None, True, 10**30]}]
    kept = tape.Tape(
        recorded_at=1.0,
        base_url="http://x",
        web_url="http://x",
        interactions=(
            tape.Interaction(
                tape.RecordedRequest(method="POST", url="http://x/a", json=odd),
                tape.RecordedResponse(status=200, stream=((0.5, cut),)),
            ),
        ),
    )
    tape.write(kept, path)
    assert tape.read(path) == kept
    assert "好" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "piece",
    ["\\", "/", "http://", "http:", "eyJ", "-eyJ", ".eyJaaaaaaaaa", '"token', '"url":"?', "a b "],
)
def test_secrets_are_found_in_linear_time(piece: str) -> None:
    def took(text: str) -> float:
        began = time.process_time()
        redactor = Redactor()
        redactor.learn(text)
        redactor.text(text)
        assert not matches("a redacted-1 " * 12 + "!", text)
        return time.process_time() - began

    count = 20_000 // len(piece)
    once = min(took(f"http:{piece * count}") for _ in range(3))
    assert min(took(f"http:{piece * 4 * count}") for _ in range(3)) < 10 * once + 0.05


def test_signed_links_and_tokens_are_found_wherever_they_begin() -> None:
    jwt = "eyJhbGciOiJI.eyJzdWIiOiIx.c2ln"
    for text in (f"x-{jwt}", f"a={jwt}.", f"https://h/p?sig={jwt}", f"http:///http://h/p?k={jwt}"):
        assert "c2ln" not in Redactor().text(text), text


def test_a_placeholder_stands_for_any_text() -> None:
    assert matches("to redacted-1 and redacted-2!", "to ann and bob!")
    assert not matches("to redacted-1 and redacted-2!", "to ann and !")
    assert not matches("redacted-1", "")
    assert matches("redacted-1redacted-2", "ab")
    assert not matches("redacted-1redacted-2", "a")
