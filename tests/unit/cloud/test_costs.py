"""The costs that are shown are those that docs/costs.md works out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stepherd.cloud.costs import HALF_AN_HOUR, IDLE_A_MONTH, spent
from stepherd.services.template_text import read_template

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "costs.md").read_text()


def test_the_figures_are_those_of_the_page() -> None:
    assert f"While nothing runs: about ${IDLE_A_MONTH:.2f} a month" in PAGE
    assert f"**${HALF_AN_HOUR:.3f}**" in PAGE
    assert "$0.03238 a vCPU-hour, $0.00356 a GB-hour" in PAGE


def test_every_metric_of_every_alarm_is_paid_for() -> None:
    resources = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"].values()
    alarms = [each["Properties"] for each in resources if each["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = [
        metric for alarm in alarms for metric in alarm.get("Metrics", [alarm]) if "Expression" not in metric
    ]
    assert f"{len(alarms)} alarms of {len(metrics)} metrics at $0.10" in PAGE
    assert f"| ${len(metrics) * 0.1:.2f} |" in PAGE


def test_an_idle_stack_stays_below_two_dollars_by_the_sum_of_the_rows() -> None:
    table = PAGE.partition("## While nothing runs")[2].partition("\n## ")[0]
    rows = [float(cost) for cost in re.findall(r"\| \$(\d+\.\d\d) \|$", table, re.MULTILINE)]
    assert len(rows) >= 6
    # ECR's $0.07 is rounded up to the next five cents: images differ.
    assert 0 <= IDLE_A_MONTH - sum(rows) < 0.05
    assert IDLE_A_MONTH < 2


def test_what_the_code_counts_is_what_the_page_counts_and_nothing_else_is_paid_by_the_metric() -> None:
    sources = [*(ROOT / "src" / "stepherd").rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    counting = [text for text in map(Path.read_text, sources) if "import count" in text]
    names = {name for text in counting for name in re.findall(r'"(Logins[A-Z]\w+|Runs[A-Z]\w+)"', text)}
    (said,) = re.findall(r"\| CloudWatch metrics \| (\d) of our own, ([\w, ]+):", PAGE)
    assert names == set(said[1].split(", "))
    assert int(said[0]) == len(names)
    assert f"at most ${0.3 * len(names):.2f} a month" in PAGE
    # AND no other module writes metrics
    writers = {path.name for path in sources if "add_metric" in path.read_text()}
    assert writers == {"telemetry.py"}
    resources = read_template((ROOT / "template.yaml").read_text(), "template.yaml")["Resources"]
    assert resources["HttpApi"]["Properties"]["DefaultRouteSettings"]["DetailedMetricsEnabled"] is False
    (setting,) = resources["Cluster"]["Properties"]["ClusterSettings"]
    assert (setting["Name"], setting["Value"]) == ("containerInsights", "disabled")


def test_a_stack_costs_its_time_and_its_runs() -> None:
    assert spent(stack_hours=730, runs=0, run_hours=0) == pytest.approx(IDLE_A_MONTH)
    assert spent(stack_hours=0, runs=10, run_hours=5) == pytest.approx(10 * HALF_AN_HOUR)
