"""Estimates: what is known without rendering, and what earlier renders add."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nemovideo import AsyncClient, Client
from nemovideo.errors import (
    AgentError,
    InvalidRequestError,
    SourceNotFoundError,
    UnsupportedFileError,
)
from nemovideo.local import rates
from tests.support.media import make_tone
from tests.support.render import YellowMatte, make_video, person_picture


@pytest.fixture(autouse=True)
def _no_rates_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "cache_dir", lambda: tmp_path / "cache")


class Timer:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def cloud() -> Client:
    return Client("nmv_usr_x", base_url="http://127.0.0.1:9")


def test_the_cloud_is_estimated_from_the_header_alone(cloud: Client, tmp_path: Path) -> None:
    with cloud:
        long = make_video(tmp_path / "a.mp4", seconds=20, fps=5, tone=None)
        estimate = cloud.estimate(long, background="blur")
        assert (estimate.credits, estimate.seconds) == (50, 45)
        pixels = 160 * 120 * 100
        assert estimate.output_bytes == round(pixels * rates.size("mp4", "high").bits / 8)
        assert estimate.basis.startswith("rough")
        cut = cloud.estimate(long, background="blur", trim=(0, 1))
        assert cut.seconds == 20
        assert "at least 20 s" in cut.basis
        clear = cloud.estimate(long.read_bytes(), background="transparent")
        assert (clear.output_bytes or 0) > estimate.output_bytes
        url = cloud.estimate("https://example.com/talk.mp4")
        assert (url.credits, url.seconds, url.output_bytes) == (50, None, None)
        assert "50" in estimate._repr_html_()


def test_an_impossible_result_is_not_estimated(cloud: Client, tmp_path: Path) -> None:
    with cloud:
        with pytest.raises(UnsupportedFileError, match="audio"):
            cloud.estimate(make_tone(tmp_path / "a.wav"))
        with pytest.raises(SourceNotFoundError):
            cloud.estimate(tmp_path / "nothing.mp4")
        with pytest.raises(InvalidRequestError, match=r"is a video, and \.png holds one picture"):
            cloud.estimate(make_video(tmp_path / "a.mp4", seconds=1), format="png")


def test_a_measurement_is_made_again_until_there_is_a_render(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=3, tone=None)
    with Client.local(engine=YellowMatte()) as client:
        for _ in range(2):
            estimate = client.estimate(source, background="blur")
            assert estimate.credits == 1
            assert estimate.seconds is not None
            assert (
                estimate.basis == "measured on a few frames just now; size: typical for this format"
            )
        assert rates.speed("YellowMatte", "mp4") is None  # a measurement is not a render
        assert client.backend is not None
        assert client.backend.requests == ()
        rates.record_speed("YellowMatte", "mp4", 1e6)
        again = client.estimate(source, background="white")
        assert again.seconds == pytest.approx(160 * 120 * 75 / 1e6)
        assert "time from earlier renders on this machine; size: typical" in again.basis


def test_the_start_of_a_render_is_not_part_of_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Timer()
    monkeypatch.setattr("nemovideo.local.rates.time.perf_counter", clock)
    watch = rates.Stopwatch()
    for at_s, fraction in ((20, 0.1), (21, 0.2), (22, 0.3)):
        clock.now_s = at_s
        watch.frame_done(fraction)
    assert watch.measured_s == 2
    assert watch.total_s == pytest.approx(10)  # a second for each of ten frames
    clock.now_s = 0
    single = rates.Stopwatch()
    clock.now_s = 5
    single.frame_done(1.0)
    assert (single.measured_s, single.total_s) == (0, 5)


def test_a_slow_measurement_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nemovideo.local.previews._TRIAL_S", 0)
    source = make_video(tmp_path / "a.mp4", seconds=3, tone=None)
    with Client.local(engine=YellowMatte()) as client:
        estimate = client.estimate(source, background="blur")
    assert estimate.seconds is not None
    assert estimate.seconds > 0


def test_earlier_renders_predict_the_size_of_the_next(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", pictures=[person_picture(640, 480)], seconds=1.6)
    with Client.local(engine=YellowMatte()) as client:
        video = client.remove_background(source, background="blur", output=tmp_path / "out.mp4")
        estimate = client.estimate(source, background="blur")
    assert estimate.output_bytes == pytest.approx(video.size_bytes, rel=0.02)
    assert estimate.basis == "measured: time and size from earlier renders on this machine"


def test_a_trimmed_clip_takes_less(cloud: Client, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=30, fps=5, tone=None)
    with cloud:
        whole = cloud.estimate(source, background="blur")
        half = cloud.estimate(source, background="blur", trim=(10, 25))
        assert half.seconds == pytest.approx((whole.seconds or 0) / 2)
        assert half.output_bytes == pytest.approx((whole.output_bytes or 0) / 2, abs=1)
        to_the_end = cloud.estimate(source, background="blur", trim=(15, 99))
        assert to_the_end.output_bytes == half.output_bytes
        for trim in ((31, 40), (3, 2), (-1, 2)):
            with pytest.raises(InvalidRequestError, match="trim="):
                cloud.estimate(source, trim=trim)


def test_the_local_agent_predicts_the_result_of_an_edit(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=4, tone=None)
    rates.record_speed("YellowMatte", "mp4", 1e6)
    with Client.local(engine=YellowMatte()) as client:
        whole = client.estimate(source, background="blur")
        assert whole.seconds == pytest.approx(160 * 120 * 100 / 1e6)
        small = client.estimate(source, background="blur", edit="make it square", trim=(1, 2))
        assert small.seconds == pytest.approx(120 * 120 * 25 / 1e6)
        assert small.output_bytes == pytest.approx((whole.output_bytes or 0) * 0.75 / 4, abs=1)
        slow = client.estimate(source, background="blur", edit="play it at half speed")
        assert slow.seconds == pytest.approx(2 * (whole.seconds or 0))
        link = client.estimate(source, background="https://example.com/office.jpg")
        assert link.seconds == whole.seconds


def test_the_estimate_for_the_cloud_says_that_it_ignores_the_edit(
    cloud: Client, tmp_path: Path
) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=1)
    with cloud:
        plain = cloud.estimate(source, background="blur")
        estimate = cloud.estimate(source, background="blur", edit="make it square")
    assert estimate.output_bytes == plain.output_bytes
    assert estimate.basis == f"{plain.basis}, without the edit"


def test_words_that_the_local_agent_does_not_know_are_always_refused(tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=1)
    with Client.local(engine=YellowMatte()) as client:
        for _ in range(2):
            with pytest.raises(AgentError, match="local agent cannot"):
                client.estimate(source, background="qwertz asdf")
            rates.record_speed("YellowMatte", "mp4", 1e6)


@pytest.mark.parametrize(
    "edit", ["zorp", "make it look like a cartoon", "add subtitles from speech", "mirror it"]
)
def test_an_estimate_warns_about_what_the_job_would_warn_about(edit: str, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=0.2)
    with Client.local(engine=YellowMatte()) as client:
        estimate = client.estimate(source, background="beach", edit=edit)
        video = client.remove_background(source, background="beach", edit=edit)
    assert estimate.warnings == video.warnings
    assert bool(estimate.warnings) == (edit != "mirror it")
    assert estimate._repr_html_().count("Note: ") == len(estimate.warnings)


def test_the_cloud_estimate_warns_about_a_shortened_trim(cloud: Client, tmp_path: Path) -> None:
    source = make_video(tmp_path / "a.mp4", seconds=1)
    with cloud:
        assert "99 s" in cloud.estimate(source, background="blur", trim=(0, 99)).warnings[0]


def test_a_damaged_or_unwritable_cache_is_ignored(tmp_path: Path) -> None:
    rates.record_speed("fast", "mp4", 1e6)
    rates.record_speed("fast", "mp4", 3e6)
    assert rates.speed("fast", "mp4") == 2e6
    (tmp_path / "cache" / "rates.json").write_text('{"fast mp4 pixels/s": NaN, "b": ["c"]}')
    assert rates.speed("fast", "mp4") is None
    (tmp_path / "cache" / "rates.json").write_text("[" * 5000)
    assert rates.size("gif", "low") == rates.size("gif", "high")
    (tmp_path / "cache" / "rates.json").unlink()
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_bytes(b"")
    rates.record("fast", "mp4", "high", pixels=10**8, seconds=1, size_bytes=1)
    assert rates.speed("fast", "mp4") is None


def test_the_async_client_estimates_too(clip: Path) -> None:
    async def estimate() -> float:
        async with AsyncClient("nmv_usr_x", base_url="http://127.0.0.1:9") as client:
            return (await client.estimate(clip, background="blur", trim=(0, 0.5))).credits

    assert asyncio.run(estimate()) == 50
