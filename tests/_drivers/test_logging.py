"""What is logged, and which secrets never are."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from nemovideo import Client
from nemovideo.hooks import RequestInfo
from tests.support.render import YellowMatte, make_video


def lines(caplog: pytest.LogCaptureFixture, name: str, level: int) -> list[str]:
    found = [r for r in caplog.records if r.name == name and r.levelno == level]
    return [record.getMessage() for record in found]


def test_the_log_has_the_duration_of_each_phase(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_video(tmp_path / "holiday.mp4", seconds=1)
    caplog.set_level(logging.DEBUG, "nemovideo")
    with Client.local(engine=YellowMatte()) as client:
        client.remove_background(source, background="blur", output=tmp_path / "out.mp4")
        client.preview(source, background="blur", at=0.5)
        client.estimate(source, background="blur")
    backend = lines(caplog, "nemovideo.local", logging.INFO)
    assert re.fullmatch(r"engine YellowMatte loaded in \d+\.\d s", backend[0])
    rendered = r"rendered 25 frames of 'holiday.mp4' in \d+\.\d s \(\d+\.\d frames/s\)"
    assert re.fullmatch(rendered, backend[1])
    assert len(backend) == 2
    (job,) = lines(caplog, "nemovideo", logging.INFO)
    phases = ", ".join(rf"{phase} \d+\.\d s" for phase in ("upload", "edit", "render", "download"))
    assert re.fullmatch(rf"job finished \(render_\w+\) in \d+\.\d s: {phases}", job)
    work = [line for line in lines(caplog, "nemovideo", logging.DEBUG) if "HTTP" not in line]
    assert any(re.fullmatch(r"preview: 1 moments in \d+\.\d\d s", line) for line in work)
    assert any(line.startswith("estimate: the clip was probed in") for line in work)
    assert not any(str(tmp_path) in line for line in (*backend, job, *work))


def test_an_embedded_backend_does_not_flood_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "nemovideo")
    with Client.local(state_dir=tmp_path / "a") as client:
        client.credits.balance()
    assert lines(caplog, "nemovideo.local.access", logging.INFO) == []
    assert len(lines(caplog, "nemovideo.local.access", logging.DEBUG)) >= 1
    with Client.local(state_dir=tmp_path / "b", access_level=logging.INFO) as client:
        client.credits.balance()
    assert len(lines(caplog, "nemovideo.local.access", logging.INFO)) >= 1


def test_the_secret_of_a_file_link_is_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=0.4)
    seen: list[RequestInfo] = []
    caplog.set_level(logging.DEBUG)
    with Client.local(engine=YellowMatte(), on_request=seen.append) as client:
        video = client.remove_background(source, background="blur", output=tmp_path / "out.mp4")
    assert video.url is not None
    secret = video.url.partition("/files/")[2].partition("/")[0]
    assert len(secret) >= 20
    assert any("/files/***/" in line for line in lines(caplog, "nemovideo", logging.DEBUG))
    assert any("/files/***/" in line for line in lines(caplog, "httpx", logging.INFO))
    assert any("/files/***/" in info.path for info in seen)
    assert not any(secret in record.getMessage() for record in caplog.records)
    assert not any(secret in repr(info) for info in seen)
