"""Cards for notebooks: drafts, differences, balances, jobs, answers and videos.

Pure functions from values to HTML without scripts, ids or external resources; all text is escaped.
Colors follow the theme of JupyterLab or VS Code, elsewhere the system's light or dark mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

import attrs

from nemovideo._notebook.figures import figure, kind_of, png_figure
from nemovideo._notebook.timeline import Lane, timeline_svg
from nemovideo._values.lines import one_line

_SENTENCES_SHOWN = 50

_DARK = """
--nemo-paper: var(--jp-layout-color0, var(--vscode-editor-background, #16181d));
--nemo-ink: var(--jp-content-font-color1, var(--vscode-editor-foreground, #e6e8ec));
--nemo-added: #4ade80; --nemo-changed: #fbbf24; --nemo-removed: #f87171;
--nemo-check: #3a3f47;"""

_STYLE = f"""<style>
.nemo-card {{
--nemo-paper: var(--jp-layout-color0, var(--vscode-editor-background, #ffffff));
--nemo-ink: var(--jp-content-font-color1, var(--vscode-editor-foreground, #1f2430));
--nemo-video: #2563eb; --nemo-audio: #15803d; --nemo-text: #7c3aed; --nemo-other: #5b6675;
--nemo-added: #16a34a; --nemo-changed: #d97706; --nemo-removed: #dc2626;
--nemo-check: #d5d9df;
box-sizing: border-box; max-width: 900px; padding: 12px 14px; border-radius: 10px;
border: 1px solid color-mix(in srgb, var(--nemo-ink) 14%, transparent);
background: var(--nemo-paper); color: var(--nemo-ink);
font: 13px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }}
@media (prefers-color-scheme: dark) {{ .nemo-card {{{_DARK} }} }}
html[theme="dark"] .nemo-card, [data-theme="dark"] .nemo-card, .vscode-dark .nemo-card,
[data-jp-theme-light="false"] .nemo-card, [data-md-color-scheme="slate"] .nemo-card {{{_DARK} }}
.nemo-card .nemo-head {{ display: flex; gap: 10px; align-items: baseline; margin: 0 0 8px; }}
.nemo-card .nemo-head b {{ font-size: 14px; font-weight: 600; overflow-wrap: anywhere; }}
.nemo-card .nemo-quiet {{ opacity: .68; }}
.nemo-card svg {{ display: block; width: 100%; height: auto; }}
.nemo-card ul {{ list-style: none; margin: 0 0 10px; padding: 0; }}
.nemo-card li {{ display: flex; gap: 8px; margin: 1px 0; overflow-wrap: anywhere; }}
.nemo-card li > i {{ flex: none; width: 1.2em; text-align: center; font-style: normal;
font-weight: 700; }}
.nemo-card .nemo-is-added {{ color: var(--nemo-added); }}
.nemo-card .nemo-is-changed {{ color: var(--nemo-changed); }}
.nemo-card .nemo-is-removed {{ color: var(--nemo-removed); }}
.nemo-card .nemo-bar {{ display: flex; height: 10px; border-radius: 5px; overflow: hidden;
background: color-mix(in srgb, var(--nemo-ink) 10%, transparent); }}
.nemo-card .nemo-pair {{ display: flex; flex-wrap: wrap; gap: 12px; }}
.nemo-card figure {{ flex: 1 1 260px; margin: 0; min-width: 0; }}
.nemo-card figcaption {{ margin: 0 0 4px; opacity: .68; overflow-wrap: anywhere; }}
.nemo-card video, .nemo-card figure > img {{ display: block; width: auto; height: auto;
min-width: min(100%, 200px); max-width: 100%; max-height: 420px; object-fit: contain;
border-radius: 6px; }}
.nemo-card .nemo-alpha {{
background: repeating-conic-gradient(var(--nemo-check) 0 25%, transparent 0 50%) 0 0/20px 20px; }}
.nemo-card a {{ color: inherit; }}
.nemo-card p {{ margin: 4px 0; overflow-wrap: anywhere; }}
.nemo-card .nemo-rows {{ width: 100%; border-collapse: collapse; color: inherit; }}
.nemo-card .nemo-rows tr {{ background: none; }}
.nemo-card .nemo-rows :is(td, th) {{ padding: 3px 12px 3px 0; text-align: left;
vertical-align: top; overflow-wrap: anywhere; border: 0;
border-top: 1px solid color-mix(in srgb, var(--nemo-ink) 10%, transparent); }}
.nemo-card .nemo-rows th {{ border: 0; font-weight: 600; opacity: .68; }}
.nemo-card .nemo-rows td:first-child {{ white-space: nowrap; }}
</style>"""


def timeline(
    heading: str, details: Sequence[str], lanes: Sequence[Lane], duration_ms: int, description: str
) -> str:
    """Return a timeline: tracks as lanes, segments as bars, and a time axis."""
    body = timeline_svg(lanes, duration_ms, description) if lanes else _NOTHING_YET
    return _card(heading, " · ".join(filter(None, details)), body)


def changes(
    rows: Sequence[tuple[str, str]], lanes: Sequence[Lane], duration_ms: int, description: str
) -> str:
    """Return changes as a list, and marked on the timeline.

    Each row is a mark ("added", "changed" or "removed") and a sentence.
    """
    if not rows:
        return _card("Nothing changed", "", "")
    lines = [
        f'<li><i class="nemo-is-{mark}">{_SIGNS[mark]}</i><span>{escape(sentence)}</span></li>'
        for mark, sentence in rows[:_SENTENCES_SHOWN]
    ]
    if more := len(rows) - len(lines):
        lines.append(f'<li class="nemo-quiet"><i></i><span>and {more} more</span></li>')
    svg = timeline_svg(lanes, duration_ms, description, dimmed=True) if lanes else ""
    heading = f"{len(rows)} change{'' if len(rows) == 1 else 's'}"
    return _card(heading, "", f"<ul>{''.join(lines)}</ul>{svg}")


def credits_bar(available: float, frozen: float, total: float) -> str:
    """Return the balance as a bar: available and reserved credits."""
    whole = max(total, available + frozen, 0)
    spans = "".join(
        f'<span style="width:{_share(amount, whole):.2f}%;background:{color};opacity:{opacity}">'
        "</span>"
        for amount, color, opacity in (
            (available, "var(--nemo-audio)", 1.0),
            (frozen, "var(--nemo-changed)", 0.8),
        )
    )
    reserved = f" · {_amount(frozen)} reserved" if frozen else ""
    details = f"{_amount(available)} available{reserved}"
    return _card("Credits", details, f'<div class="nemo-bar">{spans}</div>')


def job_progress(status: str, fraction: float | None, detail: str = "") -> str:
    """Return a render job's status, with a bar if its progress is known (0 to 1)."""
    done = 1.0 if status == "completed" else fraction
    color = _STATUS_COLORS.get(status, "var(--nemo-video)")
    width = _share(done or 0, 1)
    bar = f'<span style="width:{width:.1f}%;background:{color}"></span>'
    details = [one_line(status), "" if done is None else f"{width:.0f}%", one_line(detail)]
    return _card("Render", " · ".join(filter(None, details)), f'<div class="nemo-bar">{bar}</div>')


def progress_line(message: str, fraction: float, note: str = "") -> dict[str, str]:
    """Return the progress of a call (0 to 1) by MIME type; without a bar once it is finished."""
    line = " · ".join(filter(None, (one_line(message), f"{_share(fraction, 1):.0f}%", note)))
    bar = "" if fraction >= 1 else f'<progress value="{fraction:.3f}"></progress> '
    return {"text/plain": line, "text/html": f"<div>{bar}{escape(line)}</div>"}


def video_card(
    after: Path | str, before: Path | str | None = None, notes: Sequence[str] = ()
) -> str:
    """Return a result as a player or a picture, next to its source if there is one."""
    figures = [] if before is None else [figure("Before", before)]
    kind = kind_of(after)
    figures.append(figure("After" if figures else kind.capitalize(), after))
    body = f'<div class="nemo-pair">{"".join(figures)}</div>{_notes(notes)}'
    return _card(f"Rendered {kind}", "", body)


def preview_card(
    moments: Sequence[tuple[float, bytes | None, bytes]], basis: str, notes: Sequence[str] = ()
) -> str:
    """Return frames of a result, each with its time and, if there is one, its source frame."""
    rows = []
    for time_s, before, after in moments:
        pair = [] if before is None else [png_figure(f"Before · {time_s:.1f} s", before)]
        pair.append(png_figure(f"After · {time_s:.1f} s", after))
        rows.append(f'<div class="nemo-pair">{"".join(pair)}</div>')
    return _card("Preview", one_line(basis), "".join(rows) + _notes(notes))


def message_card(
    heading: str,
    text: str,
    *,
    details: Sequence[str] = (),
    warnings: Sequence[str] = (),
    below: str = "",
) -> str:
    """Return an answer: paragraphs, warnings, and a card below them, such as a video's."""
    paragraphs = "".join(f"<p>{escape(part)}</p>" for part in text.split("\n") if part.strip())
    card = _card(heading, " · ".join(filter(None, details)), paragraphs + _notes(warnings))
    return card + below


def details_card(
    heading: str,
    name: str,
    details: Sequence[tuple[str, str]],
    *,
    note: str = "",
    warnings: Sequence[str] = (),
) -> str:
    """Return the properties of an object as a table, with a note and warnings below it."""
    rows = "".join(
        f"<tr><th>{escape(key)}</th><td>{escape(one_line(value))}</td></tr>"
        for key, value in details
        if value
    )
    below = f'<p class="nemo-quiet">{escape(note)}</p>' if note else ""
    body = f'<table class="nemo-rows">{rows}</table>{below}{_notes(warnings)}'
    return _card(heading, one_line(name), body)


@attrs.frozen
class Row:
    """A file of a batch: its status, name, result or error, and length."""

    status: str
    name: str
    result: str
    length: str


def batch_table(rows: Sequence[Row], details: str, stopped: str | None) -> str:
    """Return the files of a batch as a table, and the error that stopped the batch."""
    lines = [
        f'<tr><td class="nemo-is-{_ROW_COLORS[row.status]}">{row.status}</td>'
        f"<td>{escape(one_line(row.name))}</td>"
        f"<td>{escape(row.result)}</td>"
        f"<td>{row.length}</td></tr>"
        for row in rows[:_ROWS_SHOWN]
    ]
    if more := len(rows) - len(lines):
        lines.append(f'<tr class="nemo-quiet"><td></td><td>and {more} more</td></tr>')
    head = "<tr><th></th><th>file</th><th>result</th><th>length</th></tr>"
    why = "" if stopped is None else f"<p>Stopped: {escape(stopped)}</p>"
    table = f'<table class="nemo-rows">{head}{"".join(lines)}</table>' if rows else ""
    return _card("Batch", details, why + table)


_ROWS_SHOWN = 500
_ROW_COLORS = {
    "done": "added",
    "skipped": "quiet",
    "failed": "removed",
    "not started": "changed",
}
_SIGNS = {"added": "+", "removed": "−", "changed": "~"}
_NOTHING_YET = '<div class="nemo-quiet">Nothing on the timeline yet.</div>'
_STATUS_COLORS = {
    "completed": "var(--nemo-audio)",
    "failed": "var(--nemo-removed)",
    "cancelled": "var(--nemo-other)",
}


def _card(heading: str, details: str, body: str) -> str:
    head = (
        f'<div class="nemo-head"><b>{escape(one_line(heading))}</b>'
        f'<span class="nemo-quiet">{escape(details)}</span></div>'
    )
    return f'{_STYLE}<div class="nemo-card">{head}{body}</div>'


def _share(amount: float, whole: float) -> float:
    return min(100.0, max(0.0, 100 * amount / whole)) if whole else 0.0


def _amount(credits: float) -> str:  # noqa: A002
    return f"{credits:,.10g}"


def _notes(warnings: Sequence[str]) -> str:
    return "".join(f'<p class="nemo-is-changed">Note: {escape(text)}</p>' for text in warnings)
