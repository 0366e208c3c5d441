"""Pages in a real browser: no errors, nothing asked of the network, the tables' numbers, no overflow."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape

import pytest
from made_up_results import made_up_records, made_up_results

from sharedim.report.figures.registry import FIGURES
from sharedim.report.figures.style import save
from sharedim.report.index import render_index
from sharedim.report.page import render_report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"needs a browser, one of {', '.join(BROWSERS)}"
)
# A policy that lets a probe run in a copy of a page.
POLICY = re.compile(r"<meta http-equiv=\"Content-Security-Policy\"[^>]*>")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def results():
    return made_up_results()


@pytest.fixture(scope="module")
def report(folder, results):
    # One of lines and one with points; drawing all takes longer than opening them.
    for name in ("pairs", "embedding"):
        save(FIGURES[name](results), folder / f"{name}.svg")
    pictures = dict.fromkeys(FIGURES, (folder / "pairs.svg").read_bytes())
    pictures["embedding"] = (folder / "embedding.svg").read_bytes()
    page = folder / "report.html"
    page.write_text(render_report(results, made_up_records(results), pictures), "utf-8")
    return page


@pytest.fixture(scope="module")
def index(folder, results):
    page = folder / "index.html"
    other = results.answer | {"dataset": "another"}
    page.write_text(render_index([results.answer, other], [results.check] * 2), "utf-8")
    return page


def opened(page, folder, *, width=1400) -> tuple[str, list[str], list[str]]:
    """Open a page; return its content once scripts have run, what they complain of, and all URLs asked."""
    log = folder / "network.json"
    done = subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--disable-background-networking", "--disable-component-update", "--no-first-run",
            "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}",
            f"--log-net-log={log}", "--enable-logging=stderr", "--v=0", "--virtual-time-budget=2000",
            f"--window-size={width},1000", "--dump-dom", page.as_uri(),
        ],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    complaints = re.findall(r"CONSOLE[:(].*", done.stderr)
    # A line of the log is an event. Browsers ask for much of their own accord; what a page of a file
    # asks for is kept apart by the key of its origin.
    events = log.read_text("utf-8", errors="replace").splitlines()
    of_page = [line for line in events if '"network_isolation_key":"file://' in line]
    asked = re.findall(r'"url":"(\w+:[^"]*)"', "\n".join(of_page))
    return done.stdout, complaints, [url for url in asked if not url.startswith("file:")]


def with_probe(page, script):
    """Write a copy of a page that runs a script of ours at its end."""
    copy = page.with_name(f"probed_{page.name}")
    text = POLICY.sub("", page.read_text("utf-8"))
    copy.write_text(text.replace("</body>", f"<script>{script}</script></body>"), "utf-8")
    return copy


def plain(dom):
    return unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<(style|script).*?</\1>", "", dom)))


def test_a_page_with_faults_is_found_out(folder):
    page = folder / "faulty.html"
    page.write_text("<img src='https://example.org/a.png'><script>absent()</script>")
    _, complaints, outside = opened(page, folder)
    assert any("absent is not defined" in line for line in complaints)
    assert "https://example.org/a.png" in outside


def test_the_report_opens_without_errors_or_network_and_with_its_numbers(report, results, folder):
    dom, complaints, outside = opened(report, folder)
    assert complaints == []
    assert outside == []
    shown = plain(dom)
    scores = results.scores
    scores = scores[scores["metric"].isin(["match_top0.5pct_rna_to_prot", "id_mle_rna"])]
    for _, values in scores.groupby(["recipe", "metric", "split", "dim"])["value"]:
        digits = 3 if values.abs().max() < 1.5 else 2
        assert f"{values.mean():.{digits}f} ± {values.std():.{digits}f}" in shown
    for _, row in results.prediction.groupby(["protein", "method"])["correlation"]:
        assert f" {row.mean():.3f} " in shown
    assert results.answer["sentence"] in shown
    # Scripts ran: headings of tables can be pressed, and pictures saved.
    assert dom.count("Save as SVG</button>") == len(FIGURES)
    assert re.search(r'<th[^>]*aria-sort="none"[^>]*><button type="button">recipe</button>', dom)


def test_pictures_are_drawn_and_tables_sorted(report, folder):
    probe = """
      const table = document.querySelector("#curves table.sortable");
      const seen = {};
      for (const column of [2, 2, 1]) {
        table.tHead.rows[0].cells[column].querySelector("button").click();
        const key = column + table.tHead.rows[0].cells[column].getAttribute("aria-sort");
        seen[key] = Array.from(table.tBodies[0].rows, (row) => row.cells[column].textContent);
      }
      seen.widths = Array.from(document.images, (image) => image.naturalWidth);
      const told = document.createElement("pre");
      told.id = "told";
      told.textContent = JSON.stringify(seen);
      document.body.append(told);
    """
    waiting = f"addEventListener('load', () => {{ {probe} }});"
    dom, complaints, _ = opened(with_probe(report, waiting), folder)
    assert complaints == []
    seen = json.loads(unescape(re.search(r'<pre id="told">(.*?)</pre>', dom)[1]))
    numbers = [float(text) for text in seen["2ascending"]]
    assert numbers == sorted(numbers)
    assert [float(text) for text in seen["2descending"]] == sorted(numbers, reverse=True)
    assert seen["1ascending"] == sorted(seen["1ascending"], key=str.lower)
    assert len(set(seen["1ascending"])) > 1
    assert len(seen["widths"]) == len(FIGURES)
    assert min(seen["widths"]) > 300


@pytest.mark.parametrize("width", [1400, 390])
@pytest.mark.parametrize("name", ["report", "index"])
def test_nothing_sticks_out(name, width, folder, request):
    page = request.getfixturevalue(name)
    probe = """addEventListener("load", () => parent.postMessage(
      [document.documentElement.scrollWidth, innerWidth], "*"));"""
    probed = with_probe(page, probe)
    # A browser without a screen is no narrower than 500 pixels, but a frame inside it is.
    frame = folder / f"frame_{name}_{width}.html"
    frame.write_text(
        f'<script>addEventListener("message", (m) => document.title = m.data.join(" "));</script>'
        f'<iframe src="{probed.name}" style="width:{width}px;height:900px;border:0"></iframe>'
    )
    dom, *_ = opened(frame, folder, width=1500)
    scrolled, seen = map(int, re.search(r"<title>(\d+) (\d+)</title>", dom).groups())
    assert seen == width
    assert scrolled <= width


def test_the_index_opens_without_errors_or_network(index, results, folder):
    dom, complaints, outside = opened(index, folder)
    assert complaints == []
    assert outside == []
    assert results.answer["sentence"] in plain(dom)
    assert '<a href="another/report.html">' in dom
