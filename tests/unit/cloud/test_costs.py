"""What is said of costs is what docs/costs.md works out."""

from __future__ import annotations

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


def test_a_stack_costs_its_time_and_its_runs() -> None:
    assert spent(stack_hours=730, runs=0, run_hours=0) == pytest.approx(IDLE_A_MONTH)
    assert spent(stack_hours=0, runs=10, run_hours=5) == pytest.approx(10 * HALF_AN_HOUR)
